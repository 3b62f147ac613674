import type { Argv } from 'yargs';
import { parseWitnessKey } from '../audit/cosignature.ts';
import { MAX_NOTE_LENGTH } from '../audit/note.ts';
import { parseWitnessPolicy, thresholdPolicy, type WitnessPolicy } from '../audit/witness-policy.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { readSmallFile } from './small-file.ts';

/** Options by which a verifier says whose cosignatures it wants. */
export interface PolicyChoice {
  readonly witness: readonly string[] | undefined;
  readonly quorum: number | undefined;
  readonly policy: string | undefined;
}

export function witnessOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('witness', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'Key of a witness (vkey of type 0x04); may be repeated',
    })
    .option('quorum', {
      type: 'number',
      describe: 'How many of the witnesses must have cosigned; default: all of them',
    })
    .option('policy', {
      type: 'string',
      describe: 'File with witnesses and quorum (C2SP tlog-policy) instead',
    });
}

/** Which witnesses are asked for; null: none. @throws RowsealError RS-CLI-001 */
export function chosenPolicy({ witness, quorum, policy }: PolicyChoice): WitnessPolicy | null {
  const usage = (detail: string): RowsealError => new RowsealError('RS-CLI-001', { detail });
  if (policy !== undefined) {
    if (witness !== undefined || quorum !== undefined)
      throw usage('--policy goes without --witness and --quorum');
    const parsed = parseWitnessPolicy(readSmallFile(policy, MAX_NOTE_LENGTH, '--policy'));
    if ('wrong' in parsed) throw usage(`${policy}: ${parsed.wrong}`);
    return parsed;
  }
  if (witness === undefined) {
    if (quorum !== undefined) throw usage('--quorum needs the keys of witnesses (--witness)');
    return null;
  }
  const witnesses = witness.map((text) => {
    const key = parseWitnessKey(text);
    if (key === null) throw usage('--witness is not a key for cosignatures (vkey of type 0x04)');
    return { name: key.name, key };
  });
  if (new Set(witnesses.map(({ key }) => key.publicKey.join())).size < witnesses.length)
    throw usage('a witness is named twice');
  const needed = quorum ?? witnesses.length;
  if (!Number.isInteger(needed) || needed < 1 || needed > witnesses.length)
    throw usage(`--quorum must be from 1 to ${witnesses.length}`);
  return thresholdPolicy(witnesses, needed);
}
