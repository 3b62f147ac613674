import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { generateSigningKeyFile } from '../../audit/keys.ts';
import { loadConfig, loadMaskKeys, refuseDangerousEnvironment } from '../../config/load.ts';
import { parsePolicy } from '../../config/parse-policy.ts';
import { writeConfig } from '../../config/write-config.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { generateMaskKeyFile, MaskKeys } from '../../mask/keys.ts';
import { noCustomFunctions } from '../../mask/method/custom.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import type { PresetName } from '../../mask/preset/preset.ts';
import { PRESET_NAMES, presetOf } from '../../mask/preset/presets.ts';
import { type PolicyProposal, proposePolicy } from '../../mask/propose/policy-proposal.ts';
import type { Finding } from '../../model/finding.ts';
import { displayName, type TableSchema } from '../../model/table.ts';
import { packageVersion, type Terminal, terminal } from '../context.ts';
import { printFinding } from '../findings.ts';
import { askExcluded, askPreset, askUrl, askWarehouse } from '../init-interview.ts';
import { canAsk } from '../interview.ts';
import { discoverTables, scanTables } from '../scan-tables.ts';
import { loadSigner } from '../signer.ts';
import {
  databaseOf,
  type Login,
  type LoginArguments,
  login,
  loginOptions,
  PASSWORD_VARIABLE,
} from '../source-login.ts';
import { chooseTables } from '../table-patterns.ts';
import { visible } from '../visible.ts';
import { makeSource } from '../wire.ts';
import { MASK_KEY_FILE, SIGNING_KEY_FILE } from './keys.ts';
import { printUnread, requireNumbers, sampleOptions } from './scan.ts';

/** As given; what is missing is asked for, or has a default. */
interface InitOptions extends LoginArguments {
  readonly config: string;
  readonly tables: readonly string[];
  readonly exclude: readonly string[];
  readonly 'sample-rows': number;
  readonly sample: boolean;
  readonly preset: PresetName | undefined;
  readonly pipeline: string | undefined;
  readonly sink: string | undefined;
  readonly 'keys-dir': string;
  readonly force: boolean;
  readonly 'dry-run': boolean;
  readonly json: boolean;
}

interface InitArguments extends InitOptions {
  readonly url: string;
  readonly preset: PresetName;
  readonly sink: string;
  /** Whether a person answers: then the tables are shown before they are read. */
  readonly asking: boolean;
}

export const initCommand: CommandModule<object, InitOptions> = {
  command: 'init',
  describe:
    'Read a database and write rowseal.yaml with a decision for every column, and the keys; without --url it asks',
  builder: (yargs) =>
    yargs
      .options(loginOptions)
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'File to write' })
      .options(sampleOptions)
      .option('sample', {
        type: 'boolean',
        default: true,
        describe: 'Look at values; --no-sample: at names and types only',
      })
      .option('preset', {
        choices: PRESET_NAMES,
        describe: 'What becomes of which kind of data (default: gdpr)',
      })
      .option('pipeline', { type: 'string', describe: 'Name of the pipeline (default: of the database)' })
      .option('sink', {
        type: 'string',
        describe: 'Where to: duckdb:FILE (default: duckdb:warehouse.duckdb)',
      })
      .option('keys-dir', {
        type: 'string',
        default: 'keys',
        describe: 'Directory of the key files; existing keys are used',
      })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Overwrite the configuration (never a key)',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Print the configuration; write nothing',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 init', 'asks for what it needs')
      .example('$0 init --url postgres://rowseal@db/shop --exclude "*_log"', 'asks nothing but a password')
      .example('$0 init --url postgres://rowseal@db/clinic --preset hipaa --dry-run', 'to look at it first'),
  handler: async (given) => {
    refuseDangerousEnvironment(process.env);
    requireNumbers(given);
    const t = terminal(given.json);
    if (given.sink !== undefined) sinkOf(given.sink);
    requirePipelineName(given.pipeline);
    const file = resolve(given.config);
    if (existsSync(file) && !given.force && !given['dry-run'])
      throw new RowsealError('RS-SCAN-002', { detail: given.config, state: 'nothing was written' });
    const argv = await complete(given);
    const sink = sinkOf(argv.sink);
    const account = await login(argv, process.env);
    if (account.passwordInUrl)
      t.say(`the password in the URL is seen by everyone who lists processes; ${PASSWORD_VARIABLE} is not`);
    const { proposal, schemas, unreadable } = await propose(argv, account, t);
    const text = writeConfig({
      pipeline: argv.pipeline ?? pipelineName(account.url),
      source: {
        type: account.source.type,
        url: account.url,
        password: account.passwordReference,
        tls: tlsOf(argv),
      },
      maskKeyFile: join(argv['keys-dir'], MASK_KEY_FILE),
      signingKeyFile: join(argv['keys-dir'], SIGNING_KEY_FILE),
      auditDirectory: 'audit',
      sink,
      proposal,
      preamble: preamble(argv, proposal),
    });
    const joins = verify(text, schemas);
    if (argv['dry-run']) t.out(text);
    else writeFiles(file, text, argv, account);
    report(t, argv, account, proposal, [...joins, ...unreadable]);
    t.result({
      config: argv['dry-run'] ? null : argv.config,
      text: argv['dry-run'] ? text : undefined,
      ...counts(proposal),
      warnings: proposal.warnings,
      broken_joins: joins.map(({ detail }) => detail),
    });
  },
};

/** @throws RowsealError RS-CLI-001 when there is no address and nobody to ask */
async function complete(given: InitOptions): Promise<InitArguments> {
  const asking = given.url === undefined && !given.json && canAsk();
  if (given.url === undefined && !asking)
    throw new RowsealError('RS-CLI-001', { detail: '--url is needed; on a terminal it is asked for' });
  return {
    ...given,
    asking,
    url: given.url ?? (await askUrl()),
    preset: given.preset ?? (asking ? await askPreset() : 'gdpr'),
    sink: given.sink ?? (asking ? await askWarehouse() : 'duckdb:warehouse.duckdb'),
  };
}

interface Proposed {
  readonly proposal: PolicyProposal;
  readonly schemas: readonly TableSchema[];
  readonly unreadable: readonly Finding[];
}

async function propose(argv: InitArguments, account: Login, t: Terminal): Promise<Proposed> {
  const source = (await makeSource({ source: account.source }))();
  try {
    const discovered = await discoverTables(source, account.source.password !== null);
    const unsayable = discovered.filter(({ table }) => whyUnsayable(table) !== null);
    const sayable = discovered.filter((found) => !unsayable.includes(found));
    const ask = argv.asking && argv.tables.length === 0 && argv.exclude.length === 0;
    const tables = chooseTables(sayable, argv.tables, ask ? await askExcluded(sayable) : argv.exclude);
    const scanned = await scanTables(source, tables, argv.sample ? argv['sample-rows'] : 0, t);
    if (!argv.json && !argv['dry-run']) printUnread(t, scanned.unread);
    const proposal = proposePolicy(scanned.tables, presetOf(argv.preset, new Date().getUTCFullYear()));
    return {
      proposal,
      schemas: tables.map(({ table }) => table),
      unreadable: unsayable.map(({ table }) => ({
        level: 'warning',
        code: null,
        subject: visible(displayName(table)),
        detail: `left out: ${whyUnsayable(table)}`,
        fix: null,
      })),
    };
  } finally {
    await source.close();
  }
}

/** Names that the configuration cannot write; null: it can. */
function whyUnsayable(table: TableSchema): string | null {
  if (table.name.includes('.') || table.namespace.includes('.'))
    return 'the configuration writes tables as schema.table, so neither may have a dot in its name';
  if (table.columns.length === 0) return 'it has no columns';
  if (/\$\{(?:env|file):/.test(displayName(table)))
    return 'its name would be read as a reference to a secret';
  if (table.columns.some(({ name }) => name === '__proto__'))
    return 'it has a column named __proto__, which the configuration cannot name';
  return null;
}

/**
 * What was written is read back and compiled against the schema it was made for.
 *
 * @throws RowsealError RS-SCAN-003
 */
function verify(text: string, schemas: readonly TableSchema[]): readonly Finding[] {
  try {
    const policy = new CompiledPolicy(
      parsePolicy(text),
      MaskKeys.parse(generateMaskKeyFile(), 1),
      noCustomFunctions,
    );
    policy.check(schemas);
    return policy.brokenJoins(schemas);
  } catch (thrown) {
    const detail =
      thrown instanceof RowsealError ? `${thrown.code}: ${thrown.message}` : 'it cannot be read back';
    throw new RowsealError('RS-SCAN-003', { detail, state: 'nothing was written' });
  }
}

function writeFiles(file: string, text: string, argv: InitArguments, account: Login): void {
  const keys = isAbsolute(argv['keys-dir']) ? argv['keys-dir'] : resolve(dirname(file), argv['keys-dir']);
  try {
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    writeUnlessThere(join(keys, MASK_KEY_FILE), generateMaskKeyFile());
    writeUnlessThere(join(keys, SIGNING_KEY_FILE), generateSigningKeyFile());
    writeFileSync(file, text, { flag: argv.force ? 'w' : 'wx' });
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-SCAN-005', {
      detail: `${argv.config} or ${argv['keys-dir']} (${errno})`,
      origin: errno,
    });
  }
  // As the next command will read it: with keys that were there before, too.
  const password = account.source.password;
  const config = loadConfig(file, {
    ...process.env,
    ...(password === null || account.passwordVariable === null
      ? {}
      : { [account.passwordVariable]: password }),
  });
  loadMaskKeys(config, process.env);
  loadSigner(config);
}

function writeUnlessThere(file: string, content: string): void {
  if (!existsSync(file)) writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
}

/** @throws RowsealError RS-CLI-001 */
function sinkOf(text: string): { readonly type: 'duckdb'; readonly path: string } {
  const path = /^duckdb:(.+)$/s.exec(text)?.[1];
  if (path === undefined)
    throw new RowsealError('RS-CLI-001', {
      detail: '--sink must be duckdb:FILE; other sinks are added by hand',
    });
  return { type: 'duckdb', path };
}

/** @throws RowsealError RS-CLI-001 */
function requirePipelineName(name: string | undefined): void {
  if (name !== undefined && !/^[a-z][a-z0-9_]{0,40}$/.test(name))
    throw new RowsealError('RS-CLI-001', {
      detail: '--pipeline must be lower-case letters, digits and _, beginning with a letter',
    });
}

function pipelineName(url: string): string {
  const name = databaseOf(url)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 30);
  return name === '' ? 'main' : name;
}

function tlsOf(argv: InitArguments): Readonly<Record<string, string>> {
  return {
    ...(argv['tls-mode'] === undefined ? {} : { mode: argv['tls-mode'] }),
    ...(argv['tls-ca-file'] === undefined ? {} : { ca_file: argv['tls-ca-file'] }),
  };
}

function preamble(argv: InitArguments, { preset }: PolicyProposal): readonly string[] {
  const looked = argv.sample
    ? `names, types and up to ${argv['sample-rows'].toLocaleString('en')} rows of each table`
    : 'names and types only: no row was read';
  return [
    `Written by rowseal init ${packageVersion()}, preset ${preset.name} (${preset.title}), from ${looked}.`,
    'A proposal for review: a sample shows that personal data is there, never that there is none. Numbers in brackets are how sure the reason is, from 0 to 1.',
    preset.scope,
  ];
}

type Outcome = 'kept' | 'token' | 'coarser' | 'left out';

/** How many columns become what. */
function counts(proposal: PolicyProposal): Readonly<Record<string, number>> {
  const outcomes = proposal.tables.flatMap((table) => table.columns.map(({ rule }) => outcomeOf(rule)));
  const of = (wanted: Outcome): number => outcomes.filter((outcome) => outcome === wanted).length;
  return {
    tables: proposal.tables.length,
    columns: outcomes.length,
    tokens: of('token'),
    coarser: of('coarser'),
    left_out: of('left out'),
    kept: of('kept'),
  };
}

function outcomeOf(rule: PolicyProposal['tables'][number]['columns'][number]['rule']): Outcome {
  if (rule.kind === 'domain') return 'token';
  switch (rule.method.method) {
    case 'keep':
      return 'kept';
    case 'token':
    case 'uuid':
      return 'token';
    case 'redact':
    case 'drop':
      return 'left out';
    default:
      return 'coarser';
  }
}

function report(
  t: Terminal,
  argv: InitArguments,
  account: Login,
  proposal: PolicyProposal,
  findings: readonly Finding[],
): void {
  // A dry run's stdout is the configuration and nothing else.
  if (argv['dry-run'] || argv.json) {
    for (const warning of proposal.warnings) t.say(`warning: ${visible(warning)}`);
    return;
  }
  const { tables, columns, tokens, coarser, left_out, kept } = counts(proposal);
  t.out(
    `${t.paint('green', '✔')} ${t.paint('bold', argv.config)}: ${tables} tables, ${columns} columns, all decided; it compiles against the database`,
  );
  t.out(
    `  ${tokens} become tokens, ${coarser} coarser or in part, ${left_out} are left out, ${kept} stay as they are`,
  );
  t.out(
    `${t.paint('green', '✔')} keys in ${argv['keys-dir']}/: keep copies off this machine, and out of version control`,
  );
  for (const finding of findings) printFinding(t, finding);
  for (const warning of proposal.warnings) t.out(`${t.paint('yellow', '⚠')} ${visible(warning)}`);
  const option = argv.config === 'rowseal.yaml' ? '' : ` --config ${argv.config}`;
  t.out('next:');
  if (account.passwordVariable !== null && (process.env[account.passwordVariable] ?? '') === '')
    t.out(`  export ${account.passwordVariable}=…   # the configuration reads it`);
  t.out(`  review ${argv.config}, above all what it keeps`);
  t.out(`  rowseal check${option}      # source, policy, keys, sinks`);
  t.out(`  rowseal run${option}`);
}
