import { unpackedBrowser } from './browser.ts';

/** Before all tests, and by one process. Where it cannot be unpacked, the tests that need it say so. */
export default async function unpack(): Promise<void> {
  if (process.env['ROWSEAL_CHROMIUM'] === undefined) await unpackedBrowser().catch(() => {});
}
