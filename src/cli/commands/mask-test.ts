import type { CommandModule } from 'yargs';
import { fixtureFiles, loadFixtures, updateFixtures } from '../../config/fixture-files.ts';
import { loadConfig, loadMaskKeys, refuseDangerousEnvironment } from '../../config/load.ts';
import { loadPolicyFile, type PolicyFile } from '../../config/policy-file.ts';
import { Exit } from '../../error/exit.ts';
import { errorJson } from '../../error/render.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { MaskKeys } from '../../mask/keys.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import type { FixtureFile } from '../../mask/review/fixture.ts';
import {
  type CaseResult,
  type Failure,
  type FileResult,
  runFixtures,
  type TableResult,
} from '../../mask/review/fixture-run.ts';
import { publishedTestKeys } from '../../mask/review/test-key.ts';
import type { TableSchema } from '../../model/table.ts';
import { type Terminal, terminal } from '../context.ts';
import { count, cut, oneLine, pad } from '../layout.ts';
import { makeSource } from '../make-source.ts';

interface MaskTestArguments {
  readonly files: readonly string[] | undefined;
  readonly config: string;
  readonly source: boolean;
  readonly 'test-key': boolean;
  readonly update: boolean;
  readonly overwrite: boolean;
  readonly json: boolean;
}

export const maskTestCommand: CommandModule<object, MaskTestArguments> = {
  command: 'test [files..]',
  describe: 'Run fixtures against the mask policy: input rows and what must become of them',
  builder: (yargs) =>
    yargs
      .positional('files', {
        type: 'string',
        array: true,
        describe:
          'Fixture files or patterns (default: *.fixtures.yaml and fixtures/ beside the configuration)',
      })
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('source', {
        type: 'boolean',
        default: false,
        describe: 'Take the column types from the live schema where a fixture does not say them',
      })
      .option('test-key', {
        type: 'boolean',
        default: false,
        describe: 'Mask with a published key: the same tokens everywhere, no secret in CI',
      })
      .option('update', {
        type: 'boolean',
        default: false,
        describe: "Write what the policy makes where `expect` is missing or '?'",
      })
      .option('overwrite', {
        type: 'boolean',
        default: false,
        implies: 'update',
        describe: 'With --update, also over exact values that do not hold',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 mask test --test-key', 'in CI: no database, no secret')
      .example('$0 mask test --test-key --update', 'write the first expectations')
      .epilogue('Exit code 1 when a case fails. docs/mask-testing.md says how to write fixtures.'),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadPolicyFile(argv.config, process.env);
    const live = argv.source ? await liveTables(argv.config) : [];
    const keys = new Keys(config, argv['test-key']);
    const files = fixtureFiles(argv.files ?? [], argv.config);
    const run = (file: string): FileResult => {
      const fixtures = loadFixtures(file);
      const policy = policyFor(config, keys.for(fixtures), fixtures, live);
      return runFixtures(fixtures, policy, live);
    };
    let written = 0;
    const results = files.map((file) => {
      const result = run(file);
      const updated = argv.update ? updateFixtures(result, argv.overwrite) : 0;
      written += updated;
      return updated === 0 ? result : run(file);
    });
    t.say(`policy ${argv.config} · ${keys.say()}`);
    for (const result of results) printFile(t, result);
    if (written > 0) t.out(`\n${count(written, 'expectation')} written: review them before you commit them`);
    const [passed, failed] = tally(results);
    if (failed > 0) t.say('\nmore: rowseal explain RS-MASK-015');
    t.out(`\n${t.paint(failed === 0 ? 'green' : 'red', `${passed} passed, ${failed} failed`)}`);
    t.result(asJson(results, keys, written, passed, failed));
    process.exitCode = failed === 0 ? Exit.ok : Exit.failure;
  },
};

/** The leak guard looks at every case; what it does is the policy's. */
function policyFor(
  config: PolicyFile,
  keys: MaskKeys,
  fixtures: FixtureFile,
  live: readonly TableSchema[],
): CompiledPolicy {
  const { leakGuard } = config.policy;
  const document = {
    ...config.policy,
    keyEpoch: keys.epoch,
    leakGuard: { ...leakGuard, oneIn: leakGuard.oneIn === null ? null : 1 },
  };
  const policy = new CompiledPolicy(document, keys, customWorkers);
  // Foreign keys inherit rules: they have to be known before the first table is compiled.
  policy.coverage([...fixtures.tables.flatMap(({ schema }) => (schema === null ? [] : [schema])), ...live]);
  return policy;
}

async function liveTables(file: string): Promise<readonly TableSchema[]> {
  const source = (await makeSource(loadConfig(file, process.env)))();
  try {
    return await source.tables();
  } finally {
    await source.close();
  }
}

/** The configured key is read only if a fixture wants it. */
class Keys {
  readonly #config: PolicyFile;
  readonly #always: boolean;
  #configured: MaskKeys | null = null;
  #test: MaskKeys | null = null;

  constructor(config: PolicyFile, always: boolean) {
    this.#config = config;
    this.#always = always;
  }

  for(fixtures: FixtureFile): MaskKeys {
    if (this.#always || fixtures.key === 'test') {
      this.#test ??= publishedTestKeys();
      return this.#test;
    }
    this.#configured ??= configuredKeys(this.#config);
    return this.#configured;
  }

  say(): string {
    const configured =
      this.#configured === null
        ? []
        : [`mask key of epoch ${this.#configured.epoch}, fingerprint ${this.#configured.fingerprint}`];
    return [...configured, ...(this.#test === null ? [] : ['published test key'])].join(' and ');
  }

  toJSON(): unknown {
    return {
      configured:
        this.#configured === null
          ? null
          : { epoch: this.#configured.epoch, fingerprint: this.#configured.fingerprint },
      test: this.#test !== null,
    };
  }
}

/** Where the key is not at hand, as in CI, there is another way. */
function configuredKeys({ key, policy }: PolicyFile): MaskKeys {
  try {
    return loadMaskKeys({ mask: { key, previousKeys: new Map(), policy } }, process.env);
  } catch (thrown) {
    if (!(thrown instanceof RowsealError)) throw thrown;
    throw new RowsealError(thrown.code, {
      ...(thrown.detail === null ? {} : { detail: thrown.detail }),
      ...(thrown.place === null ? {} : { place: thrown.place }),
      fix: `${thrown.fix}; or test without it: rowseal mask test --test-key`,
    });
  }
}

function tally(results: readonly FileResult[]): readonly [number, number] {
  const tables = results.flatMap((result) => result.tables);
  const cases = tables.flatMap((table) => table.cases);
  const failed = cases.filter((entry) => entry.failures.length > 0).length;
  const broken = tables.filter((table) => table.error !== null).length;
  return [cases.length - failed, failed + broken];
}

function printFile(t: Terminal, result: FileResult): void {
  t.out(`\n${t.paint('bold', result.file)}`);
  const width = Math.max(...result.tables.map(({ table }) => table.length));
  for (const table of result.tables) printTable(t, table, width);
}

function printTable(t: Terminal, table: TableResult, width: number): void {
  const failed = table.cases.filter((entry) => entry.failures.length > 0);
  const good = table.error === null && failed.length === 0;
  const mark = good ? t.paint('green', '✔') : t.paint('red', '✘');
  const said =
    table.error === null
      ? `${count(table.cases.length, 'case')}${good ? '' : `, ${failed.length} failed`}`
      : 'the policy cannot be compiled for it';
  t.out(`  ${mark} ${pad(table.table, width)}  ${t.paint('gray', said)}`);
  if (table.error !== null) {
    t.out(`      ${t.paint('red', `${table.error.code}`)} ${table.error.message}`);
    t.out(`      ${t.paint('green', 'fix:')} ${table.error.fix}`);
  }
  for (const entry of failed) printCase(t, entry);
}

function printCase(t: Terminal, entry: CaseResult): void {
  const name = entry.name === null ? '' : ` ${entry.name}`;
  t.out(
    `\n      ${t.paint('bold', `case ${entry.number}${oneLine(name)}`)}  ${t.paint('gray', `${entry.place.file}:${entry.place.line}`)}`,
  );
  const open = entry.failures.filter((failure) => failure.expected.startsWith('nothing yet'));
  if (open.length === entry.failures.length && open.length > 1) {
    t.out(`        ${open.map(({ column }) => column).join(', ')}`);
    t.out(`          ${t.paint('green', 'expected')}  ${open[0]!.expected}`);
    return;
  }
  for (const failure of entry.failures) printFailure(t, failure);
}

/** The JSON has all of it. */
const SHOWN_MAX = 300;

function printFailure(t: Terminal, failure: Failure): void {
  t.out(`        ${failure.column}`);
  t.out(`          ${t.paint('green', 'expected')}  ${cut(oneLine(failure.expected), SHOWN_MAX)}`);
  t.out(`          ${t.paint('red', 'actual')}    ${cut(oneLine(failure.actual), SHOWN_MAX)}`);
  const at = failure.input ?? failure.place;
  t.out(
    `          ${t.paint('gray', `input     ${failure.input === null ? 'none: null' : `${at.path}, line ${at.line}`}`)}`,
  );
}

function asJson(
  results: readonly FileResult[],
  keys: Keys,
  written: number,
  passed: number,
  failed: number,
): unknown {
  return {
    code: failed === 0 ? null : ('RS-MASK-015' satisfies RowsealError['code']),
    key: keys,
    files: results.map((result) => ({
      file: result.file,
      tables: result.tables.map((table) => ({
        table: table.table,
        ...(table.error === null ? {} : errorJson(table.error)),
        cases: table.cases.map(({ name, number, place, failures }) => ({
          case: number,
          name,
          line: place.line,
          passed: failures.length === 0,
          failures: failures.map(({ column, place: at, input, expected, actual }) => ({
            column,
            line: at.line,
            expected,
            actual,
            input: input === null ? null : { path: input.path, line: input.line },
          })),
        })),
      })),
    })),
    written,
    passed,
    failed,
  };
}
