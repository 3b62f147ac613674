import type { ColumnMask } from '../mask/column-mask.ts';
import { Unfit } from '../mask/method.ts';

const WARM_MS = 30;
const MEASURED_MS = 15;
const CLOCK_MS_MAX = 300;
const VALUES_A_ROUND = 256;

/**
 * Microseconds a value, on this machine and now, over the given values; null: nothing could be measured, because there is
 * no value that fits.
 */
export function costOf(mask: ColumnMask, values: readonly string[]): number | null {
  const { transform } = mask.method;
  switch (transform.kind) {
    case 'keep':
    case 'drop':
    case 'constant':
      return 0;
    case 'map':
      if (values.every((value) => transform.map(value) instanceof Unfit)) return null;
      return timed(values, (all) => {
        for (const value of all) transform.map(value);
      });
    case 'map-by':
      return timed(values, (all) => {
        for (const value of all) transform.map(value, value);
      });
    case 'batch':
      return timed(values, (all) => {
        transform.map(all);
      });
  }
}

/** The quickest of many rounds: what it costs when nobody else wants the core. */
function timed(values: readonly string[], work: (values: readonly string[]) => void): number | null {
  if (values.length === 0) return null;
  // Compiled code is what a run has.
  during(WARM_MS, () => work(values));
  const repeats = Math.max(1, Math.ceil(VALUES_A_ROUND / values.length));
  let best = Number.POSITIVE_INFINITY;
  during(MEASURED_MS, () => {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) work(values);
    best = Math.min(best, performance.now() - start);
  });
  return (best * 1000) / (repeats * values.length);
}

/** By the time that the process had, not by the clock: on a busy machine little would be done else. */
function during(cpuMs: number, work: () => void): void {
  const start = process.cpuUsage();
  const end = performance.now() + CLOCK_MS_MAX;
  for (;;) {
    work();
    const { user, system } = process.cpuUsage(start);
    if ((user + system) / 1000 >= cpuMs || performance.now() > end) return;
  }
}
