import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RowsealError } from '../error/rowseal-error.ts';
import type { PassphraseSource, SigningKeySource } from './audit.ts';
import { readKeyBytes, readKeyFile } from './load.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What is needed to make a signer. */
export type SigningKeyMaterial =
  | { readonly kind: 'key'; readonly content: Uint8Array | string; readonly passphrase: string | null }
  | {
      readonly kind: 'command';
      readonly publicKey: string;
      readonly run: (message: Uint8Array) => Promise<Uint8Array>;
    };

/** Reads the key. @throws RowsealError RS-CFG-004, -005, -006 */
export function loadSigningKey(source: SigningKeySource, env: Environment): SigningKeyMaterial {
  switch (source.kind) {
    case 'file':
      return {
        kind: 'key',
        content: readKeyBytes(source.file),
        passphrase: passphraseOf(source.passphrase, env),
      };
    case 'env':
      return {
        kind: 'key',
        content: variable(source.name, env),
        passphrase: passphraseOf(source.passphrase, env),
      };
    case 'command': {
      const { command, publicKey, timeoutMs } = source;
      return { kind: 'command', publicKey, run: (message) => runSigner(command, timeoutMs, message) };
    }
  }
}

/** For messages: where the key comes from. */
export function describeSigningKey(source: SigningKeySource): string {
  switch (source.kind) {
    case 'file':
      return source.file;
    case 'env':
      return `environment variable ${source.name}`;
    case 'command':
      return `command ${source.command[0]}`;
  }
}

/** A file's last line end is not part of the passphrase. @throws RowsealError RS-CFG-004, -005, -006 */
export function passphraseOf(source: PassphraseSource | null, env: Environment): string | null {
  if (source === null) return null;
  return source.kind === 'file' ? readKeyFile(source.file).replace(/\r?\n$/, '') : variable(source.name, env);
}

function variable(name: string, env: Environment): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value !== undefined) return value;
  throw new RowsealError('RS-CFG-004', {
    detail: `environment variable ${name}`,
    place: { file: 'configuration', path: 'audit.key' },
  });
}

/** More than any signature in any encoding. */
const MAX_OUTPUT_BYTES = 65_536;

/** No shell. What the program prints on stderr is not shown: it may quote what it handles. Rejects with the reason alone. */
async function runSigner(
  command: readonly string[],
  timeoutMs: number,
  message: Uint8Array,
): Promise<Uint8Array> {
  const [program, ...parameters] = command;
  const child = spawn(program!, parameters, {
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const pieces: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (piece: Buffer) => {
    length += piece.length;
    if (length > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
    else pieces.push(piece);
  });
  // A program that signs without reading to the end closes its stdin early: not a failure by itself.
  child.stdin.on('error', () => {});
  child.stdin.end(message);
  let ended: [number | null, NodeJS.Signals | null];
  try {
    ended = (await once(child, 'close')) as typeof ended;
  } catch (error) {
    throw new Error(error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
  }
  const [code, signal] = ended;
  if (code !== 0) throw new Error(signal === null ? `exit code ${code}` : `ended by ${signal}`);
  return Buffer.concat(pieces);
}
