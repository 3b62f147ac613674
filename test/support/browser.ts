import { existsSync } from 'node:fs';
import chromium from '@sparticuz/chromium';
import puppeteer, { type Browser } from 'puppeteer-core';

/** Where Debian, and whoever sets the variable, have one. */
const INSTALLED = [process.env['ROWSEAL_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];

/**
 * A headless Chromium: an installed one, else the one that a pinned package carries. Null where neither starts (the carried one
 * is for x64 Linux and wants some libraries); that is said on stderr, and the test is to be skipped.
 */
export async function startBrowser(): Promise<Browser | null> {
  const installed = INSTALLED.find((path) => path !== undefined && path !== '' && existsSync(path));
  try {
    return await puppeteer.launch({
      executablePath: installed ?? (await chromium.executablePath()),
      args: installed === undefined ? chromium.args : ['--no-sandbox', '--disable-dev-shm-usage'],
      headless: true,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : typeof error;
    console.error(`\n!! No browser starts here (${why}).\n!! TESTS THAT NEED ONE ARE SKIPPED.\n`);
    return null;
  }
}
