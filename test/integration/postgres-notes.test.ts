import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { postgresShop, runToTheEnd, SHOP_MASK, shopProject, verify } from '../support/gap-shop.ts';
import { noPostgres } from '../support/needs.ts';
import type { TestProject } from '../support/project.ts';
import { rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

let shop: Awaited<ReturnType<typeof postgresShop>> | null = null;
let project: TestProject | null = null;

afterEach(async () => {
  await shop?.stop();
  await project?.remove();
});

const NOTES = [
  { prefix: 'audit.', log: 'notes' },
  { prefix: 'secret', log: 'secrets' },
];
const OPEN = { lsn: 'keep', prefix: 'keep', transactional: 'keep', content: 'redact', text: 'keep' };
const SHUT = { lsn: 'keep', prefix: 'keep', transactional: 'keep', content: 'redact', text: 'redact' };

it.skipIf(noPostgres(18))(
  'an application writes notes into the chain, which are masked, sealed, delivered and proved as rows are',
  { timeout: 300_000 },
  async () => {
    const made = await postgresShop();
    shop = made;
    const there = await shopProject(made);
    project = there;
    const configure = (
      source: Readonly<Record<string, unknown>>,
      logs: Readonly<Record<string, unknown>>,
    ): Promise<void> => {
      const { 'shop.later': _, ...tables } = SHOP_MASK;
      return there.configure({
        source: {
          type: 'postgres',
          url: made.url,
          tables: made.tables,
          idle_interval_ms: 300,
          streaming: true,
          ...source,
        },
        mask: {
          key: { file: 'mask.key' },
          domains: { email: { method: 'token' } },
          tables: { ...tables, ...logs },
        },
      });
    };
    const both = { 'logical_message.notes': OPEN, 'logical_message.secrets': SHUT };
    const refused = async (): Promise<string> => {
      const { code, stdout, stderr } = await rowseal(['check', '--config', there.configFile]);
      expect(code, stdout).not.toBe(0);
      return stdout + stderr;
    };
    // A column of a message is a column: without a decision nothing begins.
    const { text: _, ...undecided } = SHUT;
    await configure({ messages: NOTES }, { ...both, 'logical_message.secrets': undecided });
    expect(await refused()).toContain('logical_message.secrets.text');
    await configure({ messages: NOTES, tables: ['logical_message.x'] }, both);
    expect(await refused()).toContain('the place of logical messages');
    await configure({ messages: [{ prefix: 'rowseal.x', log: 'notes' }] }, both);
    expect(await refused()).toContain('prefix of our own messages');

    await configure({ messages: NOTES }, both);
    await runToTheEnd(made, there);
    await made.run(
      'BEGIN',
      "UPDATE shop.t SET v = 'corrected' WHERE id = 1",
      "SELECT pg_logical_emit_message(true, 'audit.reason', 'ticket 42')",
      'COMMIT',
      "SELECT pg_logical_emit_message(false, 'audit.login', 'auditor came')",
      "SELECT pg_logical_emit_message(true, 'secret.note', 'CANARY-NOTE')",
    );
    await runToTheEnd(made, there);
    const notes = (): Promise<readonly (readonly (string | null)[])[]> =>
      queryWarehouse(
        there.warehouseFile,
        'SELECT prefix, transactional::text, content, text FROM logical_message.notes ORDER BY text',
      );
    const told = [
      ['audit.login', 'false', null, 'auditor came'],
      ['audit.reason', 'true', null, 'ticket 42'],
    ];
    expect(await notes()).toEqual(told);
    expect(
      await queryWarehouse(there.warehouseFile, 'SELECT prefix, content, text FROM logical_message.secrets'),
    ).toEqual([['secret.note', null, null]]);
    for (const file of await readdir(there.auditDirectory, { recursive: true, withFileTypes: true }))
      if (file.isFile())
        expect((await readFile(join(file.parentPath, file.name))).includes('CANARY-NOTE')).toBe(false);

    // Left out and taken in again: no table came or went, and nothing is copied.
    await configure({}, {});
    expect((await runToTheEnd(made, there)).output).not.toContain('captured');
    await configure({ messages: NOTES }, both);
    await made.run("SELECT pg_logical_emit_message(true, 'audit.later', 'v')");
    expect((await runToTheEnd(made, there)).output).not.toContain('captured from');
    expect(await notes()).toEqual([...told, ['audit.later', 'true', null, 'v']]);

    const again = ['resnapshot', '--config', there.configFile, '--table', 'logical_message.notes', '--yes'];
    expect(await rowseal(again)).toMatchObject({ code: 2 });
    expect(await verify(there)).toMatchObject({ code: 0, problems: [] });
    const reconciled = await rowseal(['audit', 'reconcile', '--config', there.configFile, '--json']);
    expect(reconciled.code, reconciled.stdout + reconciled.stderr).toBe(0);
  },
);
