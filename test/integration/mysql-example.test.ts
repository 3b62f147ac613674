import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { MYSQL_RELEASES, startMysql } from '../support/mysql.ts';
import { noMysql } from '../support/needs.ts';
import { freePort } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

for (const release of MYSQL_RELEASES)
  it.skipIf(noMysql(release))(
    `examples/mysql-to-duckdb does what its page says on ${release}`,
    { timeout: 300_000 },
    async () => {
      const server = await startMysql(release);
      const directory = await mkdtemp(join(tmpdir(), 'rowseal-example-'));
      try {
        await cp(fileURLToPath(new URL('../../examples/mysql-to-duckdb', import.meta.url)), directory, {
          recursive: true,
        });
        const readme = await readFile(join(directory, 'README.md'), 'utf8');
        const client = await server.client();
        await client.query(/```sql\n([\s\S]*?)```/.exec(readme)![1]!);
        await client.query(
          "INSERT INTO shop.customers VALUES (1, ' Ada@Example.com ', 'Ada', '555-0199', 'Cork'); INSERT INTO shop.orders VALUES (7, 'ada@example.com', 12.5)",
        );
        const proposed = await rowseal(['init', '--url', `${server.url}/shop`, '--dry-run']);
        expect(proposed.code, proposed.stderr).toBe(0);
        expect(proposed.stdout).toMatch(/type: mysql[\s\S]*- shop\.orders[\s\S]*email: \{ domain: email \}/);
        const port = await freePort();
        const file = join(directory, 'rowseal.yaml');
        // Only what a machine decides is changed: where the server is, and a free port for the page.
        const text = (await readFile(file, 'utf8')).replace('127.0.0.1:3306', `127.0.0.1:${server.port}`);
        await writeFile(file, `${text}http: { port: ${port} }\n`);
        expect((await rowseal(['keys', 'generate', '--dir', join(directory, 'keys')])).code).toBe(0);
        const env = { SHOP_PASSWORD: 'choose-one' };
        const check = await rowseal(['check', '--config', file], env);
        expect(check.stdout).toMatch(/8\/8 columns decided/);
        expect(check.code, check.stdout).toBe(0);
        const run = new RowsealProcess(['run', '--config', file], env);
        const status = async (): Promise<{ state: string; sinks: { rows: number }[] } | null> =>
          fetch(`http://127.0.0.1:${port}/status.json`).then(
            (response) => response.json() as Promise<{ state: string; sinks: { rows: number }[] }>,
            () => null,
          );
        await until('two rows', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 2);
        await until('the stream', async () => (await status())?.state === 'streaming');
        await client.query("UPDATE shop.customers SET city = 'Faro'");
        await until('the change', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 3);
        expect((await run.terminate()).code, run.output).toBe(0);
        // Copied again on request, as docs/operations.md tells.
        const again = await rowseal(['resnapshot', '--config', file, '--table', 'shop.orders', '--yes'], env);
        expect(again.code, again.stderr).toBe(0);
        const joined = await queryWarehouse(
          join(directory, 'warehouse.duckdb'),
          'SELECT c.id, c.full_name, c.phone, c.city, o.id FROM shop.customers c JOIN shop.orders o ON o.customer_email = c.email',
        );
        expect(joined).toEqual([['1', null, '******99', 'Faro', '7']]);
        expect((await rowseal(['audit', 'verify', '--dir', join(directory, 'audit')])).code).toBe(0);
        const shown = await rowseal(['audit', 'show', '--dir', join(directory, 'audit'), '--json']);
        expect(shown.stdout).not.toContain('Ada');
        // A hole is exit code 3, and says what to do.
        await client.query((await server.statements()).resetBinlog);
        const lost = await rowseal(['run', '--config', file, '--exit-on-halt'], env);
        expect(lost.code, lost.stderr).toBe(3);
        expect(lost.stderr).toMatch(/RS-MY-0(12|33)/);
        await client.end();
      } finally {
        await server.stop();
        await rm(directory, { recursive: true, force: true });
      }
    },
  );
