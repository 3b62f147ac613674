import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { type AccessEntry, openAccessLog } from '../../audit/access-log.ts';
import { versionsOf } from '../../audit/erase.ts';
import { lockDirectory } from '../../audit/lock.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { tableDirectory } from '../../audit/table-directory.ts';
import {
  loadConfig,
  loadMaskKeys,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { type TokenMaker, type TokenOrigin, tokenMaker, type WayBack } from '../../mask/detokenize.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { epochOfToken } from '../../mask/method/reversible.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import type { MaskedTable } from '../../model/masked.ts';
import type { TableName } from '../../model/table.ts';
import { terminal } from '../context.ts';
import { loadSigner } from '../signer.ts';

interface DetokenizeArguments {
  readonly config: string;
  readonly domain: string | undefined;
  readonly column: string | undefined;
  readonly path: string | undefined;
  readonly epoch: number | undefined;
  readonly actor: string;
  readonly reason: string;
  readonly tokens: readonly string[];
  readonly json: boolean;
}

/** Tokens of one record of the access log: a request for more is several records, each signed before its answers. */
const TOKENS_PER_RECORD = 1_000;

export const detokenizeCommand: CommandModule<object, DetokenizeArguments> = {
  command: 'detokenize [tokens..]',
  describe: 'Turn tokens of a reversible method back into values; the request is recorded and signed first',
  builder: (yargs) =>
    yargs
      .positional('tokens', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Masked values as they stand in the warehouse; none: one a line on standard input',
      })
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('domain', { type: 'string', describe: 'Domain that made them' })
      .option('column', { type: 'string', describe: 'schema.table.column that they come from' })
      .option('path', {
        type: 'string',
        describe: 'Place in the JSON of that column, as the policy names it',
      })
      .option('epoch', {
        type: 'number',
        describe: 'Key epoch that made them; default: that of the token, else the configured one',
      })
      .option('actor', { type: 'string', demandOption: true, describe: 'Who asks; goes into the access log' })
      .option('reason', { type: 'string', demandOption: true, describe: 'Why; goes into the access log' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .conflicts('domain', 'column')
      .example(
        '$0 mask detokenize --domain email --actor ann@example.com --reason "case 17" t1.1.kq3…',
        'one token of a domain',
      )
      .example('$0 audit show --access --dir audit', 'who asked for what')
      .epilogue(
        'Works while `rowseal run` goes on. Needs the mask key and the signing key. Tokens, actor and reason are recorded; values never are. Exit code 1 when a token is none of this domain and key.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    for (const option of ['actor', 'reason'] as const) {
      // Given twice an option is an array, whatever its type says.
      if (typeof argv[option] !== 'string' || argv[option].trim() === '')
        throw new RowsealError('RS-CLI-001', { detail: `--${option} must be given once and not be empty` });
    }
    const config = loadConfig(argv.config, process.env);
    if (!existsSync(join(config.audit.directory, 'journal')))
      throw new RowsealError('RS-CLI-001', { detail: `no audit log in ${config.audit.directory}` });
    const tokens = argv.tokens.length > 0 ? argv.tokens : linesOfInput();
    if (tokens.length === 0) throw new RowsealError('RS-CLI-001', { detail: 'no token was given' });
    const results = await detokenize(config, argv, tokens);
    for (const { token, value } of results)
      t.out(
        value === null
          ? `${token}  ${t.paint('red', 'is no token of this domain and key')}`
          : `${token}  ${value}`,
      );
    t.say(`recorded in the access log: ${results.length} tokens, by ${argv.actor}`);
    t.result({ results });
    if (results.some(({ value }) => value === null)) process.exitCode = Exit.failure;
  },
};

function linesOfInput(): readonly string[] {
  return readFileSync(0, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '');
}

interface Result {
  readonly token: string;
  /** null: no token of this domain and key. */
  readonly value: string | null;
}

/** Everything that may be refused is refused before the first answer, and the refusal recorded as well. */
async function detokenize(
  config: RowsealConfig,
  argv: DetokenizeArguments,
  tokens: readonly string[],
): Promise<readonly Result[]> {
  const byEpoch = new Map<number, string[]>();
  for (const token of tokens) {
    const epoch = argv.epoch ?? epochOfToken(token) ?? config.mask.policy.keyEpoch;
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), token]);
  }
  const versions = await askedVersions(config, argv);
  const log = await openAccessLog(
    new NodeDisk(),
    config.audit.directory,
    config.audit.origin,
    loadSigner(config),
    lockDirectory,
  );
  const record = (
    maker: Pick<TokenMaker, 'space' | 'method'>,
    epoch: number,
    outcome: AccessEntry['outcome'],
    of: readonly string[],
  ): Promise<void> =>
    log.append({
      time_us: String(BigInt(Date.now()) * 1000n),
      actor: argv.actor,
      reason: argv.reason,
      space: maker.space,
      method: maker.method,
      key_epoch: epoch,
      outcome,
      tokens: of,
    });
  try {
    const ways = new Map<
      number,
      { readonly maker: TokenMaker; readonly reverse: Extract<WayBack, { kind: 'open' }>['reverse'] }
    >();
    for (const [epoch, of] of byEpoch) {
      const maker = makerOf(config, argv, epoch, versions);
      const { wayBack } = maker;
      if (wayBack.kind === 'closed') {
        await record(maker, epoch, 'refused', of.slice(0, TOKENS_PER_RECORD));
        throw new RowsealError('RS-MASK-017', { detail: `${maker.space}: ${wayBack.why}` });
      }
      ways.set(epoch, { maker, reverse: wayBack.reverse });
    }
    const values = new Map<string, string | null>();
    for (const [epoch, of] of byEpoch) {
      const { maker, reverse } = ways.get(epoch)!;
      for (let from = 0; from < of.length; from += TOKENS_PER_RECORD) {
        const piece = of.slice(from, from + TOKENS_PER_RECORD);
        await record(maker, epoch, 'granted', piece);
        for (const token of piece) values.set(token, reverse(token));
      }
    }
    return tokens.map((token) => ({ token, value: values.get(token) ?? null }));
  } finally {
    await log.close();
  }
}

function makerOf(
  config: RowsealConfig,
  argv: DetokenizeArguments,
  epoch: number,
  versions: readonly MaskedTable[],
): TokenMaker {
  const { policy } = config.mask;
  const keys = loadMaskKeys(config, process.env, epoch);
  const compiled = new CompiledPolicy({ ...policy, keyEpoch: epoch }, keys, customWorkers);
  const inEpoch = versions.filter(({ keyEpoch }) => keyEpoch === epoch);
  const maker = tokenMaker(
    policy,
    compiled,
    originOf(argv, [...versions, ...inEpoch]),
    inEpoch.filter(({ keyFingerprint }) => keyFingerprint === keys.fingerprint),
  );
  const why = otherKey(inEpoch, epoch, keys.fingerprint);
  return why === null ? maker : { ...maker, wayBack: { kind: 'closed', why } };
}

/**
 * A column is as the log has it: methods with a way back keep the type, or make text whatever it was.
 *
 * @param versions of its table; the last one that has the column counts
 */
function originOf(argv: DetokenizeArguments, versions: readonly MaskedTable[]): TokenOrigin {
  if (argv.domain !== undefined) return { kind: 'domain', domain: argv.domain };
  const { table, column: name } = columnNamed(argv.column);
  const column = versions
    .toReversed()
    .flatMap(({ columns }) => columns)
    .find((candidate) => candidate.name === name);
  if (column === undefined)
    throw new RowsealError('RS-CLI-001', { detail: `the table in the log has no column ${name}` });
  return { kind: 'column', table, column, path: argv.path ?? null };
}

function columnNamed(text: string | undefined): { readonly table: TableName; readonly column: string } {
  const [namespace, name, column, ...rest] = (text ?? '').split('.');
  if (!namespace || !name || !column || rest.length > 0)
    throw new RowsealError('RS-CLI-001', { detail: 'give --domain, or --column as schema.table.column' });
  return { table: { namespace, name }, column };
}

/** What the log says of the tables that are asked about: of a domain all. */
async function askedVersions(
  config: RowsealConfig,
  argv: DetokenizeArguments,
): Promise<readonly MaskedTable[]> {
  const disk = new NodeDisk();
  const { directory } = config.audit;
  const tables =
    argv.domain === undefined
      ? [tableDirectory(columnNamed(argv.column).table)]
      : await disk.list(join(directory, 'tables'));
  const versions: MaskedTable[] = [];
  for (const table of tables) versions.push(...(await versionsOf(disk, directory, table)));
  return versions;
}

/** What the log says against the key: it was not this one that made the tokens. null: nothing. */
function otherKey(inEpoch: readonly MaskedTable[], epoch: number, fingerprint: string): string | null {
  const sealed = new Set(inEpoch.map(({ keyFingerprint }) => keyFingerprint));
  if (sealed.size === 0) return `nothing in the log was masked under epoch ${epoch}`;
  return sealed.has(fingerprint)
    ? null
    : `epoch ${epoch} of the log was masked under the key ${[...sealed].join(', ')}, configured is ${fingerprint}`;
}
