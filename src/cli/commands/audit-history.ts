import { writeFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { historyPage } from '../../audit/proof/life-html.ts';
import { exitOf } from '../../audit/verify/report.ts';
import { terminal } from '../context.ts';
import { printProof, proofJson } from '../proof-view.ts';
import { provenRow, type RowArguments, rowOptions, rowSubject } from '../row-subject.ts';

interface HistoryArguments extends RowArguments {
  readonly html: string | undefined;
  readonly json: boolean;
}

export const historyCommand: CommandModule<object, HistoryArguments> = {
  command: 'history',
  describe: 'Show the life of a row: when, by which transaction, and what changed, masked as it was sealed',
  builder: (yargs) =>
    rowOptions(yargs)
      .option('html', { type: 'string', describe: 'Write a page that needs nothing else to this file' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit history --table public.customers --key 4711', '')
      .example('$0 audit history --table public.customers --key 4711 --html row.html', '')
      .epilogue(
        'Every record shown is proven against the signed journal first, under the key beside the log.',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const { report } = await provenRow(await rowSubject(argv), null);
    if (argv.html === undefined) printProof(t, report);
    else {
      writeFileSync(argv.html, historyPage(report), { mode: 0o640 });
      t.out(`${argv.html}: ${report.versions.length} records`);
    }
    t.result(proofJson(report));
    process.exitCode = exitOf(report);
  },
};
