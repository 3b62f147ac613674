import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium, { inflate } from '@sparticuz/chromium';
import puppeteer, { type Browser } from 'puppeteer-core';

/**
 * Headless Chromium from a package, so that no browser needs to be installed; `ROWSEAL_CHROMIUM` names another. Its
 * libraries come with the package too, for machines that lack them.
 */
export async function startBrowser(): Promise<Browser> {
  const own = process.env['ROWSEAL_CHROMIUM'];
  if (own !== undefined) return launch(own, {});
  const { program, libraries } = await unpackedBrowser();
  try {
    return await launch(program, {});
  } catch {
    return launch(program, { LD_LIBRARY_PATH: join(libraries, 'lib') });
  }
}

/** The package takes what lies there for whole, so nobody may look while another process unpacks it: it is done before the tests. */
export async function unpackedBrowser(): Promise<{ readonly program: string; readonly libraries: string }> {
  const bin = new URL('../../node_modules/@sparticuz/chromium/bin/', import.meta.url).pathname;
  const program = await chromium.executablePath();
  return { program, libraries: await inflate(join(bin, 'al2023.tar.br')) };
}

async function launch(executablePath: string, env: Readonly<Record<string, string>>): Promise<Browser> {
  const userDataDir = await mkdtemp(join(tmpdir(), 'rowseal-browser-'));
  const browser = await puppeteer.launch({
    executablePath,
    headless: 'shell',
    timeout: 120_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--single-process',
      '--no-zygote',
      '--allow-file-access-from-files',
    ],
    env: { ...process.env, ...env },
    userDataDir,
  });
  browser.on('disconnected', () => void rm(userDataDir, { recursive: true, force: true }).catch(() => {}));
  return browser;
}

/** Null where there is none: a test that needs it is skipped, and this says so. In CI that is a failure. */
export async function browserOrNone(): Promise<Browser | null> {
  try {
    return await startBrowser();
  } catch (error) {
    if (process.env['ROWSEAL_REQUIRE_SERVERS'] === '1') throw error;
    console.error('\n!! Chromium cannot be started here.\n!! TESTS OF THE PAGES ARE SKIPPED.\n');
    return null;
  }
}
