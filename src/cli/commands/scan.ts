import type { CommandModule } from 'yargs';
import type { DiscoveredTable } from '../../capture/source.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { generateMaskKeyFile, MaskKeys } from '../../mask/keys.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import { standingsOf } from '../../mask/propose/policy-standing.ts';
import { type PolicyView, reportScan, type ScanReport } from '../../mask/propose/scan-report.ts';
import { tableKey } from '../../model/table.ts';
import { type Terminal, terminal } from '../context.ts';
import { makeSource } from '../make-source.ts';
import { discoverTables, scanTables, type UnreadTable } from '../scan-tables.ts';
import { printScan } from '../scan-view.ts';
import { type LoginArguments, login, loginOptions } from '../source-login.ts';
import { chooseTables } from '../table-patterns.ts';
import { visible } from '../visible.ts';

interface ScanArguments extends LoginArguments {
  readonly config: string;
  readonly tables: readonly string[];
  readonly exclude: readonly string[];
  readonly 'sample-rows': number;
  readonly 'min-confidence': number;
  readonly 'fail-on-finding': boolean;
  readonly json: boolean;
}

/** Options that say which tables, and how much of them. */
export const sampleOptions = {
  tables: {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'Only these: names or patterns, `public.*`',
  },
  exclude: { type: 'string', array: true, default: [] as string[], describe: 'Not these' },
  'sample-rows': { type: 'number', default: 200, describe: 'Rows to read of each table' },
} as const;

export const scanCommand: CommandModule<object, ScanArguments> = {
  command: 'scan',
  describe: 'Look for personal data: by names, types and a sample of the values, none of which is shown',
  builder: (yargs) =>
    yargs
      .option('config', {
        type: 'string',
        default: 'rowseal.yaml',
        describe: 'Configuration: its source, tables and policy',
      })
      .options(loginOptions)
      .options(sampleOptions)
      .option('min-confidence', {
        type: 'number',
        default: 0.5,
        describe: 'From which on a finding counts, 0 to 1',
      })
      .option('fail-on-finding', {
        type: 'boolean',
        default: false,
        describe: 'Exit with 1 when personal data is kept, or a column is not decided; for CI',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 scan', 'what ./rowseal.yaml captures, against its policy')
      .example('$0 scan --url postgres://reader@db/shop --tables "public.*"', 'a database without a policy')
      .example('$0 scan --fail-on-finding', 'in CI: did a new column bring personal data?'),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    requireNumbers(argv);
    const t = terminal(argv.json);
    const { source: settings, policy, hasPassword } = await subject(argv);
    const source = (await makeSource({ source: settings }))();
    try {
      const discovered = await discoverTables(source, hasPassword);
      const captured = policy === null ? discovered : only(discovered, await source.tables());
      const tables = chooseTables(captured, argv.tables, argv.exclude);
      const { tables: scanned, unread } = await scanTables(source, tables, argv['sample-rows'], t);
      // Compiling learns from all captured tables where foreign keys lead.
      policy?.compiled.coverage(captured.map(({ table }) => table));
      const report = reportScan(scanned, policy, argv['min-confidence'], argv['sample-rows']);
      printScan(t, report, { sampleRows: argv['sample-rows'], hasPolicy: policy !== null });
      printUnread(t, unread);
      const left = policy === null ? 0 : discovered.length - captured.length;
      if (left > 0)
        t.out(
          `${left} other table${left === 1 ? '' : 's'} of the database ${left === 1 ? 'is' : 'are'} not captured, and ${left === 1 ? 'was' : 'were'} not looked at.`,
        );
      if (policy === null) t.say('next: rowseal init --url … writes a policy from this');
      t.result({
        ...document(report),
        sample_rows: argv['sample-rows'],
        not_read: unread,
        tables_not_captured: left,
      });
      const failed = argv['fail-on-finding'] && (report.open.length > 0 || report.undecided.length > 0);
      process.exitCode = failed || unread.length > 0 ? Exit.failure : Exit.ok;
    } finally {
      await source.close();
    }
  },
};

/** @throws RowsealError RS-CLI-001 */
export function requireNumbers(argv: {
  readonly 'sample-rows': number;
  readonly 'min-confidence'?: number;
}): void {
  const rows = argv['sample-rows'];
  if (!Number.isInteger(rows) || rows < 0 || rows > 1_000_000)
    throw new RowsealError('RS-CLI-001', { detail: '--sample-rows must be a whole number, 0 to 1000000' });
  const confidence = argv['min-confidence'] ?? 0;
  if (!(confidence >= 0 && confidence <= 1))
    throw new RowsealError('RS-CLI-001', { detail: '--min-confidence must be from 0 to 1' });
}

interface Subject {
  readonly source: RowsealConfig['source'];
  readonly policy: (PolicyView & { readonly compiled: CompiledPolicy }) | null;
  readonly hasPassword: boolean;
}

async function subject(argv: ScanArguments): Promise<Subject> {
  if (argv.url !== undefined) {
    const { source } = await login(argv, process.env);
    return { source, policy: null, hasPassword: source.password !== null };
  }
  const config = loadConfig(argv.config, process.env);
  // What a method is does not depend on the key, so a scan needs none.
  const keys = MaskKeys.parse(generateMaskKeyFile(), config.mask.policy.keyEpoch);
  const compiled = new CompiledPolicy(config.mask.policy, keys, customWorkers);
  return {
    source: config.source,
    hasPassword: true,
    policy: {
      compiled,
      accepted: config.mask.policy.leakGuard.except,
      standings: ({ table }) => standingsOf(compiled, table),
    },
  };
}

function only(
  discovered: readonly DiscoveredTable[],
  captured: readonly DiscoveredTable['table'][],
): readonly DiscoveredTable[] {
  const estimates = new Map(discovered.map((found) => [tableKey(found.table), found.estimatedRows]));
  return captured.map((table) => ({ table, estimatedRows: estimates.get(tableKey(table)) ?? null }));
}

export function printUnread(t: Terminal, unread: readonly UnreadTable[]): void {
  for (const { table, code, title } of unread)
    t.out(
      t.paint(
        'red',
        `✘ ${visible(table)} could not be read (${code}): ${title}; judged by names and types only`,
      ),
    );
}

function document(report: ScanReport): Readonly<Record<string, unknown>> {
  return {
    columns: report.columns,
    personal: report.personal,
    masked: report.masked,
    kept: report.kept,
    accepted: report.accepted,
    open: report.open.length,
    undecided: report.undecided,
    tables: report.tables.map((table) => ({
      table: table.table,
      estimated_rows: table.estimatedRows,
      rows_read: table.rows,
      all_rows_read: table.whole,
      columns: table.columns,
      findings: table.findings.map(({ table: _, ...finding }) => finding),
    })),
  };
}
