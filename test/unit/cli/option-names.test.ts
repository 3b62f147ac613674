import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { OPTION_NAMES } from '../../../src/cli/option-names.ts';

const CLI = fileURLToPath(new URL('../../../src/cli', import.meta.url));

it('the options that a hint can name are those that commands have', () => {
  const sources = readdirSync(CLI, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'option-names.ts')
    .map((name) => readFileSync(join(CLI, name), 'utf8'))
    .join('\n');
  const declared = [...sources.matchAll(/\.option\(\s*'([a-z-]+)'/g)].map(([, name]) => name!);
  expect(declared.length).toBeGreaterThan(100);
  expect([...new Set(declared)].filter((name) => !OPTION_NAMES.includes(name))).toEqual([]);
  const gone = OPTION_NAMES.filter((name) => !new RegExp(`'${name}'|\\b${name}:`).test(sources));
  // Of yargs itself.
  expect(gone.filter((name) => name !== 'help' && name !== 'version')).toEqual([]);
});
