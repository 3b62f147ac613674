import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { generateSigningKeyFile } from '../audit/keys.ts';
import { loadConfig, loadMaskKeys } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { generateMaskKeyFile } from '../mask/keys.ts';
import { MASK_KEY_FILE, SIGNING_KEY_FILE } from './commands/keys.ts';
import type { InitArguments } from './init-arguments.ts';
import { loadSigner } from './signer.ts';
import type { Login } from './source-login.ts';

/**
 * Writes the configuration, and keys where there are none, and reads all of it back.
 *
 * @throws RowsealError RS-SCAN-005, or what the next command would say of the files
 */
export function writeFiles(file: string, text: string, argv: InitArguments, account: Login): void {
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
