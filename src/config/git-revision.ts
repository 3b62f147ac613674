import { spawnSync } from 'node:child_process';
import { basename, dirname, relative, resolve } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { readText } from './load.ts';
import { type PolicyFile, parsePolicyText } from './policy-file.ts';

/** Configurations are small; what is larger is none. */
const BYTES_MAX = 64 << 20;

/**
 * The policy as it was committed at a revision, with the modules that it names.
 *
 * @param path the configuration as people name it @throws RowsealError RS-MASK-032, and RS-CFG-002, -003 of the old text
 */
export function policyAtRevision(path: string, revision: string): PolicyFile {
  // What begins with a dash would be an option of git.
  if (revision.startsWith('-') || revision.trim() === '')
    throw new RowsealError('RS-MASK-032', { detail: `\`${revision}\` is no revision` });
  const base = dirname(resolve(path));
  const name = `${path} at ${revision}`;
  const text = show(base, revision, basename(path));
  if (text === null) throw new RowsealError('RS-MASK-032', { detail: name });
  return parsePolicyText(text, name, (module) => {
    const file = resolve(base, module);
    // A module that is not under version control has no older version.
    return show(base, revision, relative(base, file)) ?? readText(file, 'RS-CFG-008');
  });
}

/** null: git does not have it, or there is no git. */
function show(directory: string, revision: string, file: string): string | null {
  const result = spawnSync('git', ['-C', directory, 'show', `${revision}:./${file}`], {
    encoding: 'utf8',
    maxBuffer: BYTES_MAX,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return result.status === 0 ? result.stdout : null;
}
