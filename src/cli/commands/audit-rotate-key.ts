import type { CommandModule } from 'yargs';
import type { AuditLog } from '../../audit/audit-log.ts';
import { verifierKeyOf } from '../../audit/keys.ts';
import { lockDirectory } from '../../audit/lock.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { addKey, type KeyRemoval, removeKey } from '../../audit/signers/rotation.ts';
import type { Signer } from '../../audit/signers/signer.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { describeSigningKey } from '../../config/signing-key.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { type Terminal, terminal } from '../context.ts';
import { openLog } from '../open-log.ts';
import { loadSigner, signerFrom } from '../signer.ts';

interface RotateArguments {
  readonly config: string;
  readonly 'new-key': string | undefined;
  readonly overlap: boolean;
  readonly retire: string | undefined;
  readonly revoke: string | undefined;
  readonly 'from-group': number | undefined;
  readonly json: boolean;
}

export const rotateKeyCommand: CommandModule<object, RotateArguments> = {
  command: 'rotate-key',
  describe: 'Change the key that signs the log, with signed records of it',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('new-key', { type: 'string', describe: 'File of the key to add; default: audit.next_key' })
      .option('overlap', {
        type: 'boolean',
        default: false,
        describe: 'Leave the present key valid beside the new one; --retire it later',
      })
      .option('retire', {
        type: 'string',
        describe: 'Retire this key (vkey or its eight hex digits) instead',
      })
      .option('revoke', { type: 'string', describe: 'Revoke this key instead: it was stolen' })
      .option('from-group', {
        type: 'number',
        describe: 'With --revoke: the first group that is not to be believed; default: the next',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit rotate-key --new-key next.key', 'then make it audit.key')
      .example('$0 audit rotate-key --revoke 3c5af1b2 --from-group 1200', 'signed by the configured key')
      .epilogue(
        'Stop `rowseal run` first. Verifiers that pin the old key follow; tell witnesses the new key before. Groups that only a revoked key signed fail `audit verify` with exit code 12.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    if (argv.retire !== undefined && argv.revoke !== undefined) throw usage('--retire or --revoke, not both');
    if (argv['from-group'] !== undefined && argv.revoke === undefined)
      throw usage('--from-group goes with --revoke');
    const { retire: retired, revoke: revoked } = argv;
    if (retired !== undefined) await withLog(config, (log) => retire(t, config, log, retired));
    else if (revoked !== undefined)
      await withLog(config, (log) => revoke(t, config, log, revoked, argv['from-group']));
    else await add(t, config, argv);
  },
};

async function withLog<T>(
  config: RowsealConfig,
  act: (log: AuditLog) => Promise<T>,
  signer: Signer = loadSigner(config),
): Promise<T> {
  const { log } = await openLog(config, { signer });
  try {
    return await act(log);
  } finally {
    await log.close();
  }
}

async function add(t: Terminal, config: RowsealConfig, argv: RotateArguments): Promise<void> {
  const { directory, origin, nextKey } = config.audit;
  const file = argv['new-key'];
  const source = file === undefined ? nextKey : ({ kind: 'file', file, passphrase: null } as const);
  if (source === null) throw usage('needs --new-key FILE, or audit.next_key in the configuration');
  const present = loadSigner(config);
  const next = signerFrom(source);
  const group = await withLog(
    config,
    (log) => addKey(new NodeDisk(), directory, origin, log, present, next, lockDirectory),
    present,
  );
  const key = verifierKeyOf(next, origin);
  t.out(group === null ? `the key signs already: ${key}` : `group ${group} adds the key ${key}`);
  t.out(
    argv.overlap
      ? 'the present key stays valid; configure the new one, then: rowseal audit rotate-key --retire OLD'
      : `the present key signs no more from now on: make ${describeSigningKey(source)} the audit.key before the next start`,
  );
  // The leaf that retires a key is signed by another.
  const retire = { action: 'retire', key: verifierKeyOf(present, origin) } as const;
  const retired = argv.overlap
    ? null
    : await withLog(config, (log) => remove(config, log, retire, next), next);
  t.result({ added: key, group, retired_in_group: retired });
}

async function retire(t: Terminal, config: RowsealConfig, log: AuditLog, named: string): Promise<void> {
  const key = keyNamed(log, named);
  const group = await remove(config, log, { action: 'retire', key });
  t.out(`group ${group} retires the key ${key}; what it signed stands`);
  t.result({ retired: key, group });
}

async function revoke(
  t: Terminal,
  config: RowsealConfig,
  log: AuditLog,
  named: string,
  from: number | undefined,
): Promise<void> {
  // A key that was retired before can still be revoked, by its whole vkey.
  const key = named.includes('+') ? named : keyNamed(log, named);
  const next = (log.last?.index ?? -1) + 1;
  const first = from ?? next;
  const group = await remove(config, log, { action: 'revoke', key, from: first });
  t.out(`group ${group} revokes the key ${key} from group ${first} on`);
  if (first < next)
    t.out(
      `${t.paint('yellow', '!')} groups ${first} to ${next - 1} prove nothing where only that key signed them: audit verify says so from now on (exit code 12)`,
    );
  t.result({ revoked: key, from: first, group });
}

function remove(
  config: RowsealConfig,
  log: AuditLog,
  change: KeyRemoval,
  signer: Signer = loadSigner(config),
): Promise<number> {
  const { directory, origin } = config.audit;
  return removeKey(new NodeDisk(), directory, origin, log, change, signer, lockDirectory);
}

/** A key that signs, by its vkey or the id in it. */
function keyNamed(log: AuditLog, named: string): string {
  const found = log.keys.filter((key) => key === named || key.split('+').at(-2) === named);
  if (found.length === 1) return found[0]!;
  const ids = log.keys.map((key) => key.split('+').at(-2)).join(', ');
  throw usage(`no key ${named} signs the log; there are ${ids}`);
}

function usage(detail: string): RowsealError {
  return new RowsealError('RS-CLI-001', { detail });
}
