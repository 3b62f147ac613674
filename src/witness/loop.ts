import type { Disk } from '../audit/disk.ts';

/** Acts at once and then after every interval until aborted. The pause does not keep a process alive. */
export async function untilAborted(
  signal: AbortSignal,
  intervalMs: number,
  act: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await act();
    await pause(intervalMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

export async function readText(disk: Disk, path: string): Promise<string | null> {
  const size = await disk.size(path);
  return size === null ? null : (await disk.read(path, 0, size)).toString('utf8');
}
