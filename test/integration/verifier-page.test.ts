import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifierPage } from '../../docs/verifier/build.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { checkProof } from '../../src/audit/proof/check-proof.ts';
import { historyPage } from '../../src/audit/proof/life-html.ts';
import { prove } from '../../src/audit/proof/prove.ts';
import { browserOrNone } from '../support/browser.ts';
import { PROOF_KEY, people, proofVerifier, tagOf, writeProofLog } from '../support/proof-log.ts';

const browser: Browser | null = await browserOrNone();
const OTHER_KEY = 'rowseal/proofs+5c1b7bd4+AddamAGCsQq317f+1LoByrp+rSlXE2QMTpeoQ5oXOx2r';

let directory: string;
let good: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-page-'));
  await writeProofLog(join(directory, 'audit'), { seed: 21, groups: 40, erase: [5] });
  const { text } = await prove(
    new NodeDisk(),
    {
      directory: join(directory, 'audit'),
      table: people,
      subject: { kind: 'row', tags: [tagOf(3)] },
      atUs: null,
      columns: null,
    },
    [proofVerifier()],
  );
  good = text;
  await writeFile(join(directory, 'verify-proof.html'), await verifierPage());
});

afterAll(async () => {
  await browser?.close();
  await rm(directory, { recursive: true, force: true });
});

interface Shown {
  readonly heading: string;
  readonly text: string;
  readonly requests: readonly string[];
  readonly errors: readonly string[];
}

/** Opens the page as a person would: from a file, with a key typed in and a file chosen or dropped. */
async function open(
  proof: string,
  key: string,
  how: 'chosen' | 'dropped' = 'chosen',
  scheme: 'light' | 'dark' = 'light',
  shot?: string,
): Promise<Shown> {
  const page: Page = await browser!.newPage();
  page.setDefaultTimeout(120_000);
  try {
    const requests: string[] = [];
    const errors: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.setViewport({ width: 1000, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(pathToFileURL(join(directory, 'verify-proof.html')).href);
    await page.$eval(
      '#key',
      (field, value) => {
        (field as unknown as { value: string }).value = value;
        field.dispatchEvent(new Event('input'));
      },
      key,
    );
    const path = join(directory, 'row.proof.json');
    await writeFile(path, proof);
    if (how === 'chosen') {
      const input = await page.$('input[type=file]');
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(path);
    } else {
      await page.evaluate((text) => {
        const scope = globalThis as unknown as {
          DataTransfer: new () => { items: { add(file: unknown): void } };
          File: new (parts: string[], name: string) => unknown;
          DragEvent: new (name: string, init: object) => Event;
          document: EventTarget;
        };
        const dataTransfer = new scope.DataTransfer();
        dataTransfer.items.add(new scope.File([text], 'row.proof.json'));
        scope.document.dispatchEvent(new scope.DragEvent('drop', { dataTransfer, bubbles: true }));
      }, proof);
    }
    await page.waitForSelector('.verdict');
    const heading = await page.$eval('.verdict h2', (one) => one.textContent ?? '');
    const text = await page.$eval('#result', (one) => one.textContent ?? '');
    const folder = process.env['ROWSEAL_SCREENSHOTS'];
    if (folder !== undefined && shot !== undefined) {
      await mkdir(folder, { recursive: true });
      await page.screenshot({ path: join(folder, `${shot}.png`) as `${string}.png`, fullPage: true });
    }
    return { heading, text, requests: requests.filter((url) => !/^(file|blob|data):/.test(url)), errors };
  } finally {
    await page.close();
  }
}

describe.skipIf(browser === null)('the verifier page in Chromium', () => {
  it('verifies a good proof, chosen or dropped, and asks the network for nothing', async () => {
    for (const how of ['chosen', 'dropped'] as const) {
      const shown = await open(good, PROOF_KEY, how, how === 'chosen' ? 'light' : 'dark', `good-${how}`);
      expect(shown.errors).toEqual([]);
      expect(shown.heading).toMatch(/Verified/);
      expect(shown.text).toMatch(/all the records of this row/);
      expect(shown.text).toMatch(/Cork|Galway|Žilina/);
      expect(shown.requests).toEqual([]);
    }
  });

  it('says what is wrong with a proof that was edited, cut off, or is by another key', async () => {
    const edited = good.replace(
      /"record":"(.{40})(.)/,
      (_, head, one) => `"record":"${head}${one === 'A' ? 'B' : 'A'}`,
    );
    for (const [name, text, key, heading] of [
      ['tampered', edited, PROOF_KEY, /Tampered/],
      ['cut', good.slice(0, good.length / 2), PROOF_KEY, /cut off/],
      ['other-key', good, OTHER_KEY, /key cannot be read|not signed/],
      ['nothing', '{"a":[[[', PROOF_KEY, /Tampered/],
    ] as const) {
      const shown = await open(text, key, 'chosen', 'dark', name);
      expect(shown.heading, name).toMatch(heading);
      expect(shown.text).not.toMatch(/Verified/);
      expect(shown.errors).toEqual([]);
    }
  });

  it('shows the same verdict as the command for many edits', async () => {
    for (let at = 20; at < good.length; at += Math.ceil(good.length / 12)) {
      const text = `${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`;
      const { problems } = checkProof(text, [proofVerifier()]);
      const shown = await open(text, PROOF_KEY);
      expect(shown.heading.includes('Verified')).toBe(problems.length === 0);
      for (const { what } of problems) expect(shown.text).toContain(what);
    }
  });

  it('shows names and values of a hostile database as text', async () => {
    const { report } = {
      report: {
        ...checkProof(good, [proofVerifier()]),
        table: { namespace: '<img src=x onerror=alert(1)>', name: '"&\u202e' },
      },
    };
    const page = await browser!.newPage();
    await page.setContent(historyPage(report));
    expect(await page.$$eval('img, script', (list) => list.length)).toBe(0);
    expect(await page.$eval('h1', (one) => one.textContent)).toContain('<img src=x onerror=alert(1)>');
    const folder = process.env['ROWSEAL_SCREENSHOTS'];
    if (folder !== undefined)
      await page.screenshot({ path: join(folder, 'history.png') as `${string}.png`, fullPage: true });
    await page.close();
  });
});
