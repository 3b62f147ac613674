import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { RowsealError } from '../error/rowseal-error.ts';

/**
 * Gets a configuration file ready that differs from this one in `mask.key.epoch` only; comments stay.
 *
 * @returns puts it in the place of the old one, at once and whole
 * @throws RowsealError RS-CFG-010, before anything was changed
 */
export function stageKeyEpoch(file: string, epoch: number): () => void {
  const beside = `${file}.new`;
  try {
    const document = parseDocument(readFileSync(file, 'utf8'));
    document.setIn(['mask', 'key', 'epoch'], epoch);
    writeFileSync(beside, document.toString({ lineWidth: 0 }), { mode: statSync(file).mode & 0o777 });
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-CFG-010', {
      detail: `${file} (${errno})`,
      origin: errno,
      fix: `set mask.key.epoch to ${epoch} there by hand, then give the same command again`,
    });
  }
  return () => renameSync(beside, file);
}
