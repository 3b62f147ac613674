import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { NodeDisk } from '../../audit/node-disk.ts';
import { tableVersions } from '../../audit/proof/prove.ts';
import type { ProvenEvent } from '../../audit/proof/report.ts';
import { tableFromPayloads } from '../../audit/table-payload.ts';
import { exitOf } from '../../audit/verify/report.ts';
import {
  loadConfig,
  loadMaskKeys,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { rowKeyTag } from '../../mask/key-tagger.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import { type ColumnMatch, matchRow } from '../../mask/review/match-row.ts';
import type { MaskedTable } from '../../model/masked.ts';
import { displayName, type TableSchema } from '../../model/table.ts';
import { columnTypeNamed } from '../../model/type-name.ts';
import { terminal } from '../context.ts';
import { oneLine, pad } from '../layout.ts';
import { makeSource } from '../make-source.ts';
import { parseRawRow, type RawRow } from '../raw-row.ts';
import { provenRow, sequence } from '../row-subject.ts';
import { readSmallFile } from '../small-file.ts';
import { tableNamed } from '../table-choice.ts';

interface MatchArguments {
  readonly config: string;
  readonly table: string;
  readonly seq: number | undefined;
  readonly format: 'json' | 'csv';
  readonly file: string | undefined;
  readonly source: boolean;
  readonly json: boolean;
}

/** More than the text of a raw row has; a bound for a file named by mistake. */
const MAX_ROW_BYTES = 64 << 20;

export const matchCommand: CommandModule<object, MatchArguments> = {
  command: 'match',
  describe:
    'Mask a raw row from standard input or a file again and say whether it is the one behind a record',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('table', { type: 'string', demandOption: true, describe: 'schema.table' })
      .option('seq', {
        type: 'number',
        describe: 'Record of the table; default: the newest of the row, found by the key in the raw row',
      })
      .option('format', {
        choices: ['json', 'csv'] as const,
        default: 'json' as const,
        describe: 'Of the raw row',
      })
      .option('file', {
        type: 'string',
        describe: 'File with the raw row; default: standard input',
      })
      .option('source', {
        type: 'boolean',
        default: false,
        describe: 'Take column types and foreign keys from the live schema',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example(
        'psql -c "COPY (SELECT * FROM customers WHERE id = 4711) TO STDOUT CSV HEADER" | $0 audit match --table public.customers --format csv',
        '',
      )
      .epilogue(
        'Values are never printed, raw or masked, and none is taken from the command line: process lists and shell histories would keep it. Exit code 1 when a column differs. Texts must be as the source prints them.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    const table = tableNamed(argv.table);
    const raw = parseRawRow(
      argv.file === undefined ? readFileSync(0, 'utf8') : readSmallFile(argv.file, MAX_ROW_BYTES, '--file'),
      argv.format,
    );
    const { directory } = config.audit;
    const versions = await tableVersions(new NodeDisk(), directory, table);
    const tables = versions.policies.map((policy) => tableFromPayloads(versions.schemas.at(-1)!, policy));
    const subject =
      argv.seq === undefined
        ? ({ kind: 'row', tags: tables.map((version) => tagOf(config, version, raw)) } as const)
        : ({ kind: 'record', seq: sequence(argv.seq), tags: null } as const);
    const { report } = await provenRow({ directory, table, subject, atUs: null }, null);
    if (exitOf(report) !== Exit.ok)
      throw new RowsealError('RS-AUD-004', {
        detail: report.problems[0]?.what ?? 'the record is not proven',
      });
    const event = report.versions.findLast(
      ({ kind, after, before }) => kind === 'change' && (after.kind === 'cells' || before.kind === 'cells'),
    );
    if (event === undefined) throw new RowsealError('RS-AUD-011', { detail: `table ${argv.table}` });
    const live = argv.source ? await liveTables(config) : [];
    const columns = compare(config, event, versions, live, raw);
    const width = Math.max(...columns.map(({ name }) => name.length));
    t.out(`record ${event.seq} of ${displayName(table)}, proven to be in the log`);
    for (const { name, match } of columns)
      t.out(
        `  ${pad(oneLine(name), width)}  ${match === 'differs' ? t.paint('red', match) : match === 'match' ? t.paint('green', match) : match}`,
      );
    const differs = columns.some(({ match }) => match === 'differs');
    const matched = columns.filter(({ match }) => match === 'match').length;
    const same = !differs && matched > 0;
    t.out(
      same
        ? `${t.paint('green', '✔')} the raw row is the one behind the record (${matched} columns compared)`
        : `${t.paint('red', '✘')} the raw row is not the one behind the record`,
    );
    t.result({ table: displayName(table), seq: event.seq, columns, match: same });
    process.exitCode = same ? Exit.ok : Exit.failure;
  },
};

function compare(
  config: RowsealConfig,
  event: ProvenEvent,
  versions: { readonly schemas: readonly string[]; readonly policies: readonly string[] },
  live: readonly TableSchema[],
  raw: RawRow,
): readonly { readonly name: string; readonly match: ColumnMatch }[] {
  const sealed = versions.schemas
    .flatMap((schema) => versions.policies.map((policy) => tableFromPayloads(schema, policy)))
    .find(
      (version) =>
        version.keyEpoch === event.keyEpoch &&
        version.columns.map(({ name, method }) => `${name}/${method}`).join() ===
          event.columns.map(({ name, method }) => `${name}/${method}`).join(),
    );
  if (sealed === undefined)
    throw new RowsealError('RS-AUD-017', { detail: 'the version of the table is not in the log' });
  const table = schemaOf(sealed, live);
  const keys = loadMaskKeys(config, process.env, sealed.keyEpoch);
  const policy = new CompiledPolicy(
    { ...config.mask.policy, keyEpoch: sealed.keyEpoch },
    keys,
    customWorkers,
  );
  if (live.length > 0) policy.coverage(live);
  const masker = policy.compileMasker(table, 'running');
  if (masker.table.keyFingerprint !== sealed.keyFingerprint)
    throw new RowsealError('RS-AUD-017', {
      detail: `the record was masked under the key ${sealed.keyFingerprint}, configured is ${masker.table.keyFingerprint}`,
    });
  const known = versions.policies.some(
    (text) => (JSON.parse(text) as { readonly policy: string }).policy === masker.table.policy,
  );
  if (!known)
    throw new RowsealError('RS-AUD-017', { detail: `the rules for ${displayName(table)} are others now` });
  const shown = event.after.kind === 'cells' ? event.after : event.before;
  const cells = shown.kind === 'cells' ? shown.cells : [];
  const matches = matchRow(
    table,
    masker,
    raw,
    cells.map((cell) => (typeof cell === 'object' && cell !== null ? undefined : cell)),
  );
  return table.columns.map(({ name }, i) => ({ name, match: matches[i]! }));
}

/** The table as the source had it: the types before the mask, by their names where the live schema is not asked. */
function schemaOf(sealed: MaskedTable, live: readonly TableSchema[]): TableSchema {
  const now = live.find((table) => displayName(table) === displayName(sealed));
  return {
    namespace: sealed.namespace,
    name: sealed.name,
    key: sealed.key,
    columns: sealed.columns.map(({ name, sourceType, id }) => {
      const type = now?.columns.find((column) => column.name === name)?.type ?? columnTypeNamed(sourceType);
      if (type === null)
        throw new RowsealError('RS-AUD-017', {
          detail: `the type of ${name} (${sourceType}) takes the live schema: --source`,
        });
      return { name, sourceType, id, type };
    }),
  };
}

function tagOf(config: RowsealConfig, version: MaskedTable, raw: RawRow): string {
  const key = version.key.map((index) => raw.get(version.columns[index]!.name));
  if (key.length === 0 || key.some((value) => typeof value !== 'string'))
    throw new RowsealError('RS-CLI-001', { detail: 'the raw row lacks the key of the table: give --seq' });
  return rowKeyTag(loadMaskKeys(config, process.env, version.keyEpoch), version, key as string[]);
}

async function liveTables(config: RowsealConfig): Promise<readonly TableSchema[]> {
  const source = (await makeSource(config))();
  try {
    return await source.tables();
  } finally {
    await source.close();
  }
}
