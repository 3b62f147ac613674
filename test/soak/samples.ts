/** What a running process says of itself at one moment. */
export interface Metrics {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly openFiles: number;
  /** Cumulative buckets of the time from commit to warehouse: upper bound in seconds, count. */
  readonly latency: readonly (readonly [le: number, count: number])[];
}

export interface Sample extends Metrics {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atMs: number;
  /** Changes committed in the source so far. */
  readonly written: number;
}

/** null: it did not answer. */
export async function readMetrics(port: number): Promise<Metrics | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return parseMetrics(await response.text());
  } catch {
    return null;
  }
}

/** @param text in the Prometheus text format */
export function parseMetrics(text: string): Metrics {
  const all = [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)];
  const one = (name: string): number => Number(all.find(([, found]) => found === name)?.[3] ?? Number.NaN);
  return {
    rssBytes: one('process_resident_memory_bytes'),
    heapBytes: one('nodejs_heap_size_used_bytes'),
    openFiles: one('process_open_fds'),
    latency: all
      .filter(([, name]) => name === 'rowseal_commit_to_delivery_seconds_bucket')
      .map(([, , labels, count]) => [bound(labels!), Number(count)] as const),
  };
}

function bound(labels: string): number {
  const le = /le="([^"]+)"/.exec(labels)?.[1];
  return le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
}

/** Linear inside a bucket, as Prometheus's histogram_quantile; NaN when nothing was counted. */
export function quantile(buckets: readonly (readonly [le: number, count: number])[], q: number): number {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  const wanted = q * total;
  let [lower, below] = [0, 0];
  for (const [le, count] of buckets) {
    if (count >= wanted) {
      if (le === Number.POSITIVE_INFINITY) return lower;
      return lower + ((le - lower) * (wanted - below)) / Math.max(1, count - below);
    }
    [lower, below] = [le, count];
  }
  return lower;
}

/** Slope of the line with least squares through points of (milliseconds, value), per hour. */
export function slopePerHour(points: readonly (readonly [ms: number, value: number])[]): number {
  if (points.length < 2) return 0;
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(([ms]) => ms)), mean(points.map(([, value]) => value))];
  const top = points.reduce((sum, [ms, value]) => sum + (ms - x) * (value - y), 0);
  const bottom = points.reduce((sum, [ms]) => sum + (ms - x) ** 2, 0);
  return (top / bottom) * 3_600_000;
}
