import { writeFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { exitOf } from '../../audit/verify/report.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';
import { printProof, proofJson } from '../proof-view.ts';
import { provenRow, type RowArguments, rowOptions, rowSubject } from '../row-subject.ts';

interface ProveArguments extends RowArguments {
  readonly columns: string | undefined;
  readonly out: string;
  readonly json: boolean;
}

export const proveCommand: CommandModule<object, ProveArguments> = {
  command: 'prove',
  describe: 'Write a file that proves the history of a row to somebody who has only the public key',
  builder: (yargs) =>
    rowOptions(yargs)
      .option('columns', {
        type: 'string',
        describe: 'Show only these columns (a,b); for tables with audit.disclosure: column',
      })
      .option('out', { type: 'string', default: 'row.proof.json', describe: 'File to write' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit prove --table public.customers --key 4711', 'all records of a row')
      .example(
        '$0 audit prove --table public.customers --key 4711 --at 2026-03-01',
        'what it was on that day',
      )
      .example(
        '$0 audit prove --dir audit --table public.customers --seq 17',
        'one record, without the mask key',
      )
      .epilogue(
        'The file holds masked values, as they were sealed. It is checked before it is written. Whoever gets it runs `rowseal audit verify-proof`, or opens docs/verify-proof.html. docs/proofs.md says what it proves.',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const subject = await rowSubject(argv);
    const columns = argv.columns === undefined ? null : columnsOf(argv.columns);
    const { text, report } = await provenRow(subject, columns);
    if (report.problems.length === 0) {
      writeFileSync(argv.out, text, { mode: 0o640 });
      t.out(`${argv.out}: ${Buffer.byteLength(text).toLocaleString('en')} bytes\n`);
    }
    printProof(t, report);
    t.result({
      file: report.problems.length === 0 ? argv.out : null,
      bytes: Buffer.byteLength(text),
      ...proofJson(report),
    });
    process.exitCode = exitOf(report);
  },
};

function columnsOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new RowsealError('RS-CLI-001', { detail: '--columns must be names: a,b' });
  return names;
}
