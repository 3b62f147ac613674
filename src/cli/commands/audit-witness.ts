import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { generateSigningKeyFile, parseSigningKey } from '../../audit/keys.ts';
import { lockDirectory } from '../../audit/lock.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { formatVerifierKey, parseVerifierKey, SignatureType, type VerifierKey } from '../../audit/note.ts';
import type { LocalSigner } from '../../audit/signers/local-signer.ts';
import { readKeyBytes, refuseDangerousEnvironment } from '../../config/load.ts';
import { passphraseOf } from '../../config/signing-key.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { createLogger } from '../../ops/log.ts';
import { startWitnessServer } from '../../witness/server.ts';
import { WitnessStore } from '../../witness/store.ts';
import { Witness } from '../../witness/witness.ts';
import { terminal } from '../context.ts';
import { readSmallFile } from '../small-file.ts';

interface KeyArguments {
  readonly key: string;
  readonly name: string;
  readonly 'passphrase-file': string | undefined;
}

interface ServeArguments extends KeyArguments {
  readonly dir: string;
  readonly log: readonly string[] | undefined;
  readonly logs: string | undefined;
  readonly host: string;
  readonly port: number;
}

const keyOptions = {
  key: { type: 'string', demandOption: true, describe: "File of the witness's own key; never that of a log" },
  name: {
    type: 'string',
    demandOption: true,
    describe: 'Name of the witness, for example witness.example.com/w1',
  },
  'passphrase-file': { type: 'string', describe: 'File with the passphrase, when the key is encrypted' },
} as const;

/** As many as a file of vkeys may hold; one line each. */
const MAX_LOGS_BYTES = 1 << 20;

export const witnessCommand: CommandModule = {
  command: 'witness <command>',
  describe:
    'Run a witness: somebody else who remembers the newest head of your log, and cosigns it (C2SP tlog-witness)',
  builder: (yargs) =>
    yargs.command(serveCommand).command(keyCommand).demandCommand(1, 'witness needs a command: serve or key'),
  handler: () => {},
};

const keyCommand: CommandModule<object, KeyArguments & { readonly json: boolean }> = {
  command: 'key',
  describe: 'Make the key of a witness, if the file is not there, and print its verifier key',
  builder: (yargs) =>
    yargs
      .options(keyOptions)
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit witness key --key witness.key --name witness.example.com/w1', ''),
  handler: (argv) => {
    const t = terminal(argv.json);
    if (!existsSync(argv.key)) writeFileSync(argv.key, generateSigningKeyFile(), { mode: 0o600, flag: 'wx' });
    const vkey = vkeyOf(argv, loadKey(argv));
    t.out(vkey);
    t.result({ vkey });
  },
};

const serveCommand: CommandModule<object, ServeArguments> = {
  command: 'serve',
  describe: 'Cosign checkpoints of logs until told to stop',
  builder: (yargs) =>
    yargs
      .options(keyOptions)
      .option('dir', { type: 'string', demandOption: true, describe: 'Directory for what it must remember' })
      .option('log', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'Verifier key of a log to witness; may be repeated, also for several keys of one log',
      })
      .option('logs', { type: 'string', describe: 'File of such keys, one a line' })
      .option('host', { type: 'string', default: '127.0.0.1', describe: 'Address to listen on' })
      .option('port', { type: 'number', default: 8485, describe: 'Port to listen on; 0: any' })
      .example(
        '$0 audit witness serve --dir state --key witness.key --name w1.example.com --log "$(cat shop.vkey)"',
        '',
      )
      .epilogue(
        'Losing --dir is losing the memory: begin anew under another key then. Put TLS in front where the network is not yours.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const signer = loadKey(argv);
    const logs = logsOf(argv);
    const disk = new NodeDisk();
    const store = new WitnessStore(disk, join(argv.dir, 'checkpoints'));
    await store.open();
    const release = lockDirectory(argv.dir);
    const logger = createLogger({
      pipeline: argv.name,
      level: 'info',
      format: process.stderr.isTTY === true ? 'pretty' : 'json',
      colour: process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined,
      write: (text) => process.stderr.write(text),
    });
    const witness = new Witness({
      name: argv.name,
      signer,
      logs,
      store,
      nowS: () => Math.floor(Date.now() / 1000),
    });
    try {
      const server = await startWitnessServer(argv.host, argv.port, witness, (path, status, error) =>
        logger.log(error !== null ? 'error' : status === 403 || status === 422 ? 'warn' : 'info', {
          message: `${status} ${path}`,
          ...(error === null ? {} : { code: error.code, detail: error.message, fix: error.fix }),
        }),
      );
      logger.log('info', {
        message: `witness ${vkeyOf(argv, signer)} for ${witness.origins.length} logs`,
        address: server.address,
      });
      await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      await server.close();
    } finally {
      await release();
    }
  },
};

function loadKey(argv: KeyArguments): LocalSigner {
  if (!/^[^+\p{White_Space}]+$/u.test(argv.name))
    throw new RowsealError('RS-CLI-001', { detail: '--name must have no spaces and no +' });
  const file = argv['passphrase-file'];
  const passphrase = passphraseOf(file === undefined ? null : { kind: 'file', file }, process.env);
  return parseSigningKey(readKeyBytes(argv.key), passphrase);
}

function vkeyOf({ name }: KeyArguments, signer: LocalSigner): string {
  return formatVerifierKey(name, signer.publicKey, SignatureType.cosignature);
}

function logsOf({ log = [], logs }: ServeArguments): readonly VerifierKey[] {
  const lines = logs === undefined ? [] : readSmallFile(logs, MAX_LOGS_BYTES, '--logs').split('\n');
  const texts = [...log, ...lines.map((line) => line.trim()).filter((line) => !/^(#|$)/.test(line))];
  if (texts.length === 0) throw new RowsealError('RS-CLI-001', { detail: 'needs --log or --logs' });
  return texts.map((text, i) => {
    const key = parseVerifierKey(text);
    if (key === null) throw new RowsealError('RS-CLI-001', { detail: `log ${i + 1} is not a verifier key` });
    return key;
  });
}
