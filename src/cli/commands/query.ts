import { once } from 'node:events';
import type { CommandModule } from 'yargs';
import { loadConfig, type RowsealConfig } from '../../config/load.ts';
import type { SinkConfig } from '../../config/sinks.ts';
import type { QueryLimits, QueryPart } from '../../deliver/warehouse-reader.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';
import { count } from '../layout.ts';
import { askServer } from '../query-client.ts';
import { printAnswer, type QueryFormat } from '../query-output.ts';

interface QueryArguments {
  readonly sql: string;
  readonly config: string;
  readonly sink: string | undefined;
  readonly limit: number;
  readonly json: boolean;
  readonly csv: boolean;
}

export const queryCommand: CommandModule<object, QueryArguments> = {
  command: 'query <sql>',
  describe: 'One SELECT over a DuckDB sink, answered by the running process, or by the file when none runs',
  builder: (yargs) =>
    yargs
      .positional('sql', { type: 'string', demandOption: true, describe: 'the query' })
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('sink', { type: 'string', describe: 'Name of the DuckDB sink; default: the only one' })
      .option('limit', { type: 'number', default: 1_000, describe: 'Rows, at most' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .option('csv', { type: 'boolean', default: false, describe: 'CSV (RFC 4180) on stdout' })
      .example('$0 query "show all tables"', 'what there is')
      .example(`$0 query "select status, count(*) from public.orders group by all"`, 'a table')
      .example('$0 query --csv --limit 100000 "from public.orders" > orders.csv', 'for other programs'),
  handler: async (argv) => {
    if (!Number.isSafeInteger(argv.limit) || argv.limit < 1)
      throw new RowsealError('RS-CLI-001', { detail: '--limit is a number of rows, 1 or more' });
    if (argv.json && argv.csv) throw new RowsealError('RS-CLI-001', { detail: '--json or --csv, not both' });
    const t = terminal(argv.json);
    const sink = duckdbSink(loadConfig(argv.config, process.env), argv.sink);
    const limits = { rows: argv.limit, timeMs: sink.query.timeMs };
    const format: QueryFormat = argv.json ? 'json' : argv.csv ? 'csv' : 'table';
    const answer = await ask(sink, argv.sql, limits);
    const { rows, more, group } = await printAnswer(answer, format, async (text) => {
      if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain');
    });
    const upTo = group === null ? 'nothing was delivered yet' : `group ${group}`;
    t.say(
      more
        ? t.paint(
            'yellow',
            `the first ${count(rows, 'row')} (${upTo}); there are more: --limit, up to query.max_rows`,
          )
        : `${count(rows, 'row')} (${upTo})`,
    );
    process.exitCode = Exit.ok;
  },
};

type DuckdbConfig = Extract<SinkConfig, { type: 'duckdb' }>;

/** @throws RowsealError RS-QRY-006 */
function duckdbSink({ sinks }: RowsealConfig, name: string | undefined): DuckdbConfig {
  const found = sinks.filter((sink) => sink.type === 'duckdb' && (name === undefined || sink.name === name));
  if (found.length === 1) return found[0] as DuckdbConfig;
  const all = sinks.filter(({ type }) => type === 'duckdb').map((sink) => sink.name);
  throw new RowsealError('RS-QRY-006', {
    detail: all.length === 0 ? 'there is no DuckDB sink' : `DuckDB sinks: ${all.join(', ')}`,
  });
}

/** By the process that owns the file; when there is none, the file is opened here, read-only. */
async function ask(sink: DuckdbConfig, sql: string, limits: QueryLimits): Promise<AsyncIterable<QueryPart>> {
  const served = await askServer(sink.query.socket, sql, limits);
  if (served !== null) return served;
  const { queryFile } = await import('../../../connectors/sinks/duckdb/query-file.ts');
  return queryFile({ ...sink, ...sink.query }, sql, limits);
}
