import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Client } from 'pg';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOpsServer } from '../../src/ops/http.ts';
import { browserOrNone } from '../support/browser.ts';
import { noPostgres } from '../support/needs.ts';
import { opsRoom } from '../support/ops-room.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';

/** `ROWSEAL_SCREENSHOTS=directory` keeps pictures to look at. */
const SCREENSHOTS = process.env['ROWSEAL_SCREENSHOTS'];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const browser: Browser | null = await browserOrNone();

let server: TestPostgres;
let client: Client;
let project: TestProject;
let run: RowsealProcess;

async function shot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) as `${string}.png`, fullPage: true });
}

/** A page of its own, with what it complained of and what it asked for. */
async function open(
  scripts: boolean,
  scheme: 'light' | 'dark' = 'light',
  address = `http://127.0.0.1:${project.httpPort}/`,
) {
  const page = await browser!.newPage();
  page.setDefaultTimeout(120_000);
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  await page.setJavaScriptEnabled(scripts);
  await page.setViewport({ width: 1100, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(address);
  return { page, complaints, asked };
}

async function violationsOn(page: Page): Promise<unknown> {
  // The policy of the page would not let a stranger's script in.
  await page.setBypassCSP(true);
  await page.reload();
  await page.addScriptTag({ path: AXE });
  return page.evaluate(
    `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target).join(' ')))`,
  );
}

const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? '');

afterAll(() => browser?.close());

describe.skipIf(browser === null || noPostgres(18))('the status page in a browser', () => {
  beforeAll(async () => {
    server = await startPostgres(18);
    await server.createDatabase('shop');
    client = await server.client('shop');
    await client.query('CREATE TABLE customers (id int PRIMARY KEY, email text, full_name text, note text)');
    await client.query('CREATE TABLE orders (id int PRIMARY KEY, customer_email text, total numeric(10,2))');
    await client.query(
      "INSERT INTO customers SELECT n, 'raw' || n || '@secret.example', 'Raw Name', '<b>bold</b>' FROM generate_series(1, 400) n",
    );
    project = await makeProject({
      url: server.url('shop'),
      tables: ['public.customers', 'public.orders'],
      mask: {
        undecided: 'redact',
        tables: {
          'public.customers': { id: 'keep', email: { method: 'token' }, full_name: 'redact', note: 'keep' },
          'public.orders': { id: 'keep', customer_email: { method: 'token' } },
        },
      },
    });
    await project.configure({ http: { port: project.httpPort, recent_changes: 5 } });
    run = new RowsealProcess(['run', '--config', project.configFile]);
    const streamed = (rows: number): Promise<void> =>
      until(`${rows} rows`, async () => {
        const status = (await readStatus(project)) as { state: string; sinks?: { rows: number }[] } | null;
        return status?.state === 'streaming' && (status.sinks?.[0]?.rows ?? 0) >= rows;
      });
    await streamed(400);
    await client.query("UPDATE customers SET note = 'seen' WHERE id = 7");
    await client.query("INSERT INTO orders VALUES (1, 'raw7@secret.example', 12.5)");
    await streamed(402);
  }, 300_000);

  afterAll(async () => {
    if (run?.running) await run.terminate();
    await client?.end();
    await server?.stop();
    await project?.remove();
  });

  it('is whole without scripts and loads nothing from elsewhere', async () => {
    const { page, complaints, asked } = await open(false);
    for (const heading of ['Now', 'Sinks', 'Tables', 'Findings', 'Newest changes', 'Audit log'])
      expect(await textOf(page, 'main')).toContain(heading);
    expect(await textOf(page, '#state')).toMatch(/streaming/);
    expect(await textOf(page, '#tables')).toContain('public.customers');
    // `total` was left undecided.
    expect(await textOf(page, '#findings')).toContain('RS-MASK-001');
    expect(asked.every((url) => url.startsWith(`http://127.0.0.1:${project.httpPort}/`))).toBe(true);
    expect(complaints).toEqual([]);
    await page.click('#verify button');
    await page.waitForSelector('#verdict p');
    expect(await textOf(page, '#verdict')).toMatch(/0 problems/);
    await page.close();
  });

  it('follows the pipeline, shows masked values only, and escapes them', async () => {
    const { page, complaints, asked } = await open(true);
    await client.query("UPDATE customers SET note = '<img src=x onerror=alert(1)>' WHERE id = 8");
    await page.waitForFunction("document.getElementById('recent').textContent.includes('onerror')");
    expect(await page.$$eval('#recent img', (found) => found.length)).toBe(0);
    const recent = await textOf(page, '#recent');
    expect(recent).toContain('tok_');
    expect(await page.content()).not.toMatch(/@secret\.example|Raw Name/);
    expect(asked).toContain(`http://127.0.0.1:${project.httpPort}/status.json`);
    await page.waitForFunction("document.querySelectorAll('#charts path.line0').length === 2");
    await page.click('#verify button');
    await page.waitForFunction("document.getElementById('verdict').textContent.includes('0 problems')");
    expect(complaints).toEqual([]);
    await shot(page, 'light');
    await page.setViewport({ width: 390, height: 844 });
    // A narrow screen scrolls tables, not the page.
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await shot(page, 'narrow');
    await page.close();
  }, 300_000);

  it.each(['light', 'dark'] as const)('has nothing that axe objects to, in %s', async (scheme) => {
    const { page } = await open(true, scheme);
    expect(await violationsOn(page)).toEqual([]);
    await shot(page, scheme);
    await page.close();
  });

  it('is used by keyboard: the first key goes to the content, the button verifies', async () => {
    const { page } = await open(true);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('to the content');
    const stops: string[] = [];
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press('Tab');
      const name = (await page.evaluate(
        'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
      )) as string;
      stops.push(name);
      if (name === 'Verify the log') break;
    }
    expect(stops).toEqual(['Table of sinks', 'Table of tables', 'Table of changes', 'Verify the log']);
    await page.keyboard.press('Enter');
    await page.waitForFunction("document.getElementById('verdict').textContent.includes('0 problems')");
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Verify the log');
    await page.close();
  }, 300_000);

  it('says so when the process answers no more', async () => {
    const { page } = await open(true);
    expect((await run.terminate()).code).toBe(0);
    await page.waitForFunction("document.getElementById('state').textContent.includes('no answer')");
    await shot(page, 'no-answer');
    await page.close();
  }, 300_000);
});

describe.skipIf(browser === null)('the page of several pipelines in a browser', () => {
  it.each(['light', 'dark'] as const)(
    'follows them, leads to each, and stands up to axe, in %s',
    async (scheme) => {
      let state: 'waiting_for_space' | 'streaming' = 'waiting_for_space';
      const clinic = opsRoom({}, { pipeline: 'clinic' });
      const rooms = [
        opsRoom(),
        {
          ...clinic,
          status: () => ({ ...clinic.status(), state, reason: state === 'streaming' ? null : FULL }),
        },
      ] as const;
      const house = await startOpsServer({ host: '127.0.0.1', port: 0 }, { token: null, tls: null }, rooms);
      try {
        const { page, complaints, asked } = await open(true, scheme, `${house.address}/`);
        expect(await textOf(page, '#pipelines')).toContain('waiting for space');
        expect(await violationsOn(page)).toEqual([]);
        await shot(page, `several-${scheme}`);
        state = 'streaming';
        await page.waitForFunction("!document.getElementById('pipelines').textContent.includes('waiting')");
        await page.click('a[href="/pipelines/clinic/"]');
        await page.waitForFunction("document.title.includes('clinic')", { timeout: 30_000 });
        await until('its own status is asked for', () =>
          asked.includes(`${house.address}/pipelines/clinic/status.json`),
        );
        expect(complaints).toEqual([]);
        await page.close();
      } finally {
        await house.close();
      }
    },
    120_000,
  );
});

const FULL = {
  code: 'RS-AUD-018',
  title: 'the volume of the audit log is nearly full',
  detail: null,
  fix: 'grow it',
};
