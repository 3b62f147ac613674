import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RowsealError } from '../../src/error/rowseal-error.ts';

/**
 * `npm run bench`: every part, one after the other, each a program of its own with its own options.
 * `npm run bench -- mask --rounds 9`: one part.
 */
const PARTS = [
  'pipeline',
  'mysql',
  'mysql-decode',
  'mask',
  'leak-guard',
  'audit',
  'audit-storage',
  'sinks',
  'bigquery',
] as const;

const [first, ...rest] = process.argv.slice(2);
const named = first === undefined || first.startsWith('-') ? null : first;
const parts = PARTS.filter((part) => named === null || part === named);
if (parts.length === 0)
  throw new RowsealError('RS-CLI-001', { detail: `bench parts are ${PARTS.join(', ')}` });
const options = named === null ? process.argv.slice(2) : rest;
for (const part of parts) {
  if (!options.includes('--json')) process.stdout.write(`\n${part}\n`);
  const file = fileURLToPath(new URL(`./${part}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
