import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { generateSigningKeyFile, parseSigningKey, seedOfPem, verifierKeyOf } from '../../audit/keys.ts';
import { sealKey } from '../../audit/signers/encrypted-key.ts';
import { readKeyBytes, readKeyFile } from '../../config/load.ts';
import { passphraseOf } from '../../config/signing-key.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { generateMaskKeyFile, MaskKeys } from '../../mask/keys.ts';
import { terminal } from '../context.ts';

interface KeysArguments {
  readonly dir: string;
  readonly origin: string | undefined;
  readonly 'passphrase-file': string | undefined;
  readonly json: boolean;
}

export const MASK_KEY_FILE = 'rowseal-mask.key';
export const SIGNING_KEY_FILE = 'rowseal-signing.key';

export const keysCommand: CommandModule = {
  command: 'keys <command>',
  describe: 'Make or show keys',
  builder: (yargs) =>
    yargs
      .command(generateCommand)
      .command(showCommand)
      .demandCommand(1, 'keys needs a command: generate or show'),
  handler: () => {},
};

const shared = {
  dir: { type: 'string', default: '.', describe: 'Directory of the key files' },
  origin: {
    type: 'string',
    describe: 'Origin of the log, to print the verifier key (default in a configuration: rowseal/<pipeline>)',
  },
  'passphrase-file': {
    type: 'string',
    describe: 'File with a passphrase: the signing key is encrypted under it',
  },
  json: { type: 'boolean', default: false, describe: 'One JSON document on stdout' },
} as const;

const generateCommand: CommandModule<object, KeysArguments> = {
  command: 'generate',
  describe: `Write ${MASK_KEY_FILE} and ${SIGNING_KEY_FILE}, readable by you only`,
  builder: (yargs) =>
    yargs.options(shared).example('$0 keys generate --dir /run/secrets', 'never overwrites'),
  handler: (argv) => {
    mkdirSync(argv.dir, { recursive: true });
    writeNew(join(argv.dir, MASK_KEY_FILE), generateMaskKeyFile());
    writeNew(join(argv.dir, SIGNING_KEY_FILE), signingKeyFile(passphraseIn(argv)));
    show(argv);
    terminal(argv.json).say(
      'keep copies of both off this machine: without the mask key tokens cannot be made again, without the signing key the log ends',
    );
  },
};

const showCommand: CommandModule<object, KeysArguments> = {
  command: 'show',
  describe: 'Print the public key and the fingerprint of the mask key; never a secret',
  builder: (yargs) =>
    yargs.options(shared).example('$0 keys show --origin rowseal/shop', 'what to hand to a verifier'),
  handler: (argv) => show(argv),
};

function show(argv: KeysArguments): void {
  const t = terminal(argv.json);
  const mask = MaskKeys.parse(readKeyFile(join(argv.dir, MASK_KEY_FILE)), 1);
  const signer = parseSigningKey(readKeyBytes(join(argv.dir, SIGNING_KEY_FILE)), passphraseIn(argv));
  const publicKey = Buffer.from(signer.publicKey).toString('base64');
  const verifierKey = argv.origin === undefined ? null : verifierKeyOf(signer, argv.origin);
  t.out(`mask key     ${join(argv.dir, MASK_KEY_FILE)}   fingerprint ${mask.fingerprint}`);
  t.out(`signing key  ${join(argv.dir, SIGNING_KEY_FILE)}   public ${publicKey}`);
  if (verifierKey !== null) t.out(`verifier key ${verifierKey}`);
  t.result({ mask_key_fingerprint: mask.fingerprint, public_key: publicKey, verifier_key: verifierKey });
}

function passphraseIn({ 'passphrase-file': file }: KeysArguments): string | null {
  return file === undefined ? null : passphraseOf({ kind: 'file', file }, process.env);
}

function signingKeyFile(passphrase: string | null): string {
  const pem = generateSigningKeyFile();
  return passphrase === null ? pem : sealKey(seedOfPem(pem), passphrase);
}

function writeNew(file: string, content: string): void {
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-CLI-002', { detail: `${file} (${errno})`, origin: errno });
  }
}
