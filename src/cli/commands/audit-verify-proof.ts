import { existsSync, readFileSync, statSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { nodeEd25519 } from '../../audit/ed25519/node-ed25519.ts';
import { MAX_NOTE_LENGTH } from '../../audit/note.ts';
import { checkProof } from '../../audit/proof/check-proof.ts';
import { MAX_PROOF_BYTES } from '../../audit/proof/proof-file.ts';
import { exitOf } from '../../audit/verify/report.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';
import { printProof, proofJson } from '../proof-view.ts';
import { verifiersOf } from '../row-subject.ts';
import { readSmallFile } from '../small-file.ts';
import { chosenPolicy, type PolicyChoice, witnessOptions } from '../witness-choice.ts';

interface VerifyProofArguments extends PolicyChoice {
  readonly file: string;
  readonly key: readonly string[];
  readonly json: boolean;
}

export const verifyProofCommand: CommandModule<object, VerifyProofArguments> = {
  command: 'verify-proof <file>',
  describe: 'Check a proof file; needs the public key and nothing else',
  builder: (yargs) =>
    witnessOptions(yargs)
      .positional('file', { type: 'string', demandOption: true, describe: 'What `audit prove` wrote' })
      .option('key', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe:
          'Verifier key to trust (name+id+base64), or a file with it; keys that were added later follow from it',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit verify-proof row.proof.json --key shop.vkey', '')
      .epilogue(
        'Exit codes: 0 proven, 1 shows an image that a recorded erasure should have taken, 10 tampered or no proof, 11 cut off, 12 not signed by the key or one that it leads to, or by too few witnesses',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const signers = verifiersOf(
      argv.key.map((key) => (existsSync(key) ? readSmallFile(key, MAX_NOTE_LENGTH, '--key') : key)),
    );
    const policy = chosenPolicy(argv);
    const asked = policy === null ? null : { policy, ed25519: nodeEd25519 };
    const report = checkProof(readProof(argv.file), signers, asked);
    printProof(t, report);
    t.result(proofJson(report));
    process.exitCode = exitOf(report);
  },
};

/** @throws RowsealError RS-CLI-001 */
function readProof(file: string): string {
  try {
    if (statSync(file).size <= MAX_PROOF_BYTES) return readFileSync(file, 'utf8');
  } catch {
    throw new RowsealError('RS-CLI-001', { detail: `${file} cannot be read` });
  }
  // Nothing that long is a proof.
  return 'too long';
}
