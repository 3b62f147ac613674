import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import type { LogName } from '../../audit/log-entries.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { tableDirectory } from '../../audit/table-directory.ts';
import { exportTiles } from '../../audit/tiles/export.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';

interface ExportArguments {
  readonly dir: string;
  readonly tiles: string;
  readonly table: string | undefined;
  readonly json: boolean;
}

export const exportCommand: CommandModule<object, ExportArguments> = {
  command: 'export',
  describe: 'Write the journal or a table as a transparency log that other tools read (C2SP tlog-tiles)',
  builder: (yargs) =>
    yargs
      .option('dir', { type: 'string', demandOption: true, describe: 'Audit directory' })
      .option('tiles', {
        type: 'string',
        demandOption: true,
        describe: 'Directory to write; an earlier export of the same log in it is continued',
      })
      .option('table', { type: 'string', describe: 'This table (schema.table); default: the journal' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example(
        '$0 audit export --dir audit --tiles public/journal',
        'serve the directory with any web server',
      )
      .epilogue(
        'Entries are records and journal leaves: positions, times, hashes and row-key tags, and no column values. May run beside the pipeline.',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const report = await exportTiles(new NodeDisk(), argv.dir, logOf(argv), argv.tiles);
    t.out(
      `${report.origin}: ${report.size} entries, ${report.size - report.before} of them new, ${report.filesWritten} files written`,
    );
    t.say(`the key to verify with: ${vkeyOf(argv.dir)}`);
    t.result({ origin: report.origin, size: report.size, before: report.before, files: report.filesWritten });
  },
};

function logOf({ table }: ExportArguments): LogName {
  if (table === undefined) return { kind: 'journal' };
  const [namespace, name, ...rest] = table.split('.');
  if (!namespace || !name || rest.length > 0)
    throw new RowsealError('RS-CLI-001', { detail: '--table must be schema.table' });
  return { kind: 'table', directory: tableDirectory({ namespace, name }) };
}

function vkeyOf(directory: string): string {
  try {
    return readFileSync(join(directory, 'log.vkey'), 'utf8').trim();
  } catch {
    return 'log.vkey is not there';
  }
}
