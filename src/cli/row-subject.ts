import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { MalformedBytes } from '../audit/bytes.ts';
import { nodeEd25519 } from '../audit/ed25519/node-ed25519.ts';
import { NodeDisk } from '../audit/node-disk.ts';
import { parseVerifierKey } from '../audit/note.ts';
import { NothingToProve, type ProofRequest } from '../audit/proof/make-proof.ts';
import { type CheckedProof, prove, tableVersions, tagsOfMaskedKey } from '../audit/proof/prove.ts';
import { tableDirectory } from '../audit/table-directory.ts';
import { tableFromPayloads } from '../audit/table-payload.ts';
import { HeadVerifier } from '../audit/verify/signature.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { TableName } from '../model/table.ts';
import { tagsOfKey } from './commands/audit-erase.ts';
import { tableNamed } from './table-choice.ts';

/** How a command is told which row it is about. */
export interface RowArguments {
  readonly config: string;
  readonly dir: string | undefined;
  readonly table: string;
  readonly key: readonly string[] | undefined;
  readonly 'masked-key': readonly string[] | undefined;
  readonly tag: readonly string[] | undefined;
  readonly seq: number | undefined;
  readonly at: string | undefined;
}

export function rowOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
    .option('dir', {
      type: 'string',
      describe:
        'Audit directory, without a configuration; then the row is named by --masked-key, --tag or --seq',
    })
    .option('table', { type: 'string', demandOption: true, describe: 'schema.table' })
    .option('key', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'Key of the row as the source prints it; once for each column of the primary key',
    })
    .option('masked-key', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'Key as the warehouse has it; reads the whole log of the table',
    })
    .option('tag', { type: 'string', array: true, nargs: 1, describe: 'Row-key tag, 32 hex digits' })
    .option('seq', { type: 'number', describe: 'Only this record of the table' })
    .option('at', { type: 'string', describe: 'The version in force at this time (ISO 8601)' });
}

export interface RowSubject {
  readonly directory: string;
  readonly table: TableName;
  readonly subject: ProofRequest['subject'];
  readonly atUs: bigint | null;
}

/** @throws RowsealError RS-CLI-001, RS-AUD-004, -011 */
export async function rowSubject(argv: RowArguments): Promise<RowSubject> {
  const table = tableNamed(once('table', argv.table));
  const config = argv.dir === undefined ? configOf(argv.config) : null;
  const directory = argv.dir ?? config!.audit.directory;
  if (!existsSync(join(directory, 'tables', tableDirectory(table))))
    throw new RowsealError('RS-AUD-011', { detail: `no table ${argv.table} in ${directory}` });
  const atUs = argv.at === undefined ? null : timeOf(once('at', argv.at));
  const named = [argv.key, argv['masked-key'], argv.tag].filter((given) => given !== undefined);
  if (named.length > 1)
    throw new RowsealError('RS-CLI-001', { detail: 'one of --key, --masked-key and --tag is enough' });
  if (named.length === 0) {
    if (argv.seq === undefined)
      throw new RowsealError('RS-CLI-001', {
        detail: 'name the row with --key, --masked-key, --tag or --seq',
      });
    return { directory, table, subject: { kind: 'record', seq: sequence(argv.seq), tags: null }, atUs };
  }
  const tags = await damageIsSaid(() => rowTags(argv, directory, table, config));
  if (tags.length === 0) throw new RowsealError('RS-AUD-011', { detail: `table ${argv.table}` });
  const subject: ProofRequest['subject'] =
    argv.seq === undefined ? { kind: 'row', tags } : { kind: 'record', seq: sequence(argv.seq), tags };
  return { directory, table, subject, atUs };
}

async function rowTags(
  argv: RowArguments,
  directory: string,
  table: TableName,
  config: RowsealConfig | null,
): Promise<readonly string[]> {
  const disk = new NodeDisk();
  if (argv.tag !== undefined) {
    if (argv.tag.some((tag) => !/^[0-9a-f]{32}$/.test(tag)))
      throw new RowsealError('RS-CLI-001', { detail: '--tag must be 32 hex digits' });
    return argv.tag;
  }
  if (argv['masked-key'] !== undefined) return tagsOfMaskedKey(disk, directory, table, argv['masked-key']);
  if (config === null)
    throw new RowsealError('RS-CLI-001', {
      detail: '--key needs the mask key: give --config instead of --dir',
    });
  const { schemas, policies } = await tableVersions(disk, directory, table);
  const keys = new Map(
    policies.map((policy) => {
      const { keyEpoch: epoch, keyFingerprint: fingerprint } = tableFromPayloads(schemas.at(-1)!, policy);
      return [`${epoch}/${fingerprint}`, { epoch, fingerprint }] as const;
    }),
  );
  const newest = tableFromPayloads(schemas.at(-1)!, policies.at(-1)!);
  return tagsOfKey(config, { table: newest, keys: [...keys.values()] }, argv.key!);
}

/** Makes the proof and checks it. @throws RowsealError RS-AUD-004, -011, -027 */
export async function provenRow(
  subject: RowSubject,
  columns: readonly string[] | null,
): Promise<CheckedProof> {
  const file = join(subject.directory, 'log.vkey');
  const key = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return damageIsSaid(async () => {
    try {
      return await prove(new NodeDisk(), { ...subject, columns }, verifiersOf([key]));
    } catch (error) {
      if (error instanceof NothingToProve) throw new RowsealError('RS-AUD-016', { detail: error.message });
      throw error;
    }
  });
}

/** @param keys C2SP vkeys @throws RowsealError RS-AUD-027 */
export function verifiersOf(keys: readonly string[]): readonly HeadVerifier[] {
  const verifiers = keys.map((text) => {
    const key = parseVerifierKey(text);
    if (key === null)
      throw new RowsealError('RS-AUD-027', { detail: 'the verifier key cannot be read (name+id+base64)' });
    return new HeadVerifier(key, nodeEd25519);
  });
  if (new Set(verifiers.map(({ name }) => name)).size > 1)
    throw new RowsealError('RS-CLI-001', { detail: 'all keys must be of one log' });
  return verifiers;
}

function configOf(file: string): RowsealConfig {
  refuseDangerousEnvironment(process.env);
  return loadConfig(file, process.env);
}

/** Given twice an option is an array, whatever its type says. */
function once(name: string, value: string): string {
  if (typeof value !== 'string' || value === '')
    throw new RowsealError('RS-CLI-001', { detail: `--${name} must be given once and not be empty` });
  return value;
}

/** The number of a record, from `--seq`. @throws RowsealError RS-CLI-001 */
export function sequence(seq: number): number {
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw new RowsealError('RS-CLI-001', { detail: '--seq must be the number of a record, from 0' });
  return seq;
}

/** Microseconds; a time without a zone is UTC. */
function timeOf(text: string): bigint {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,6}))?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const [, day, time = '00:00:00', fraction = '', zone = 'Z'] = match ?? [];
  const milliseconds = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone}`);
  if (Number.isNaN(milliseconds))
    throw new RowsealError('RS-CLI-001', { detail: '--at must be a time such as 2026-11-25T18:00:00Z' });
  return BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

async function damageIsSaid<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RowsealError('RS-AUD-004', { detail: error.message });
  }
}
