import { existsSync, readFileSync, statSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { checkProof } from '../../audit/proof/check-proof.ts';
import { MAX_PROOF_BYTES } from '../../audit/proof/proof-file.ts';
import { exitOf } from '../../audit/verify/report.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';
import { printProof, proofJson } from '../proof-view.ts';
import { verifiersOf } from '../row-subject.ts';

interface VerifyProofArguments {
  readonly file: string;
  readonly key: readonly string[];
  readonly json: boolean;
}

export const verifyProofCommand: CommandModule<object, VerifyProofArguments> = {
  command: 'verify-proof <file>',
  describe: 'Check a proof file; needs the public key and nothing else',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', demandOption: true, describe: 'What `audit prove` wrote' })
      .option('key', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe: 'Verifier key to trust (name+id+base64), or a file with it; more than one after a rotation',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit verify-proof row.proof.json --key shop.vkey', '')
      .epilogue(
        'Exit codes: 0 proven, 1 shows an image that a recorded erasure should have taken, 10 tampered or no proof, 11 cut off, 12 not signed by the key',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const signers = verifiersOf(argv.key.map((key) => (existsSync(key) ? readFileSync(key, 'utf8') : key)));
    const report = checkProof(readProof(argv.file), signers);
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
