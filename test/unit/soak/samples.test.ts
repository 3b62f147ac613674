import { describe, expect, it } from 'vitest';
import { parseMetrics, quantile, slopePerHour } from '../../soak/samples.ts';

describe('samples of a soak', () => {
  it('are read from the Prometheus text', () => {
    const text = `# HELP x\nprocess_resident_memory_bytes 5e8\nnodejs_heap_size_used_bytes 7\nprocess_open_fds 9
rowseal_commit_to_delivery_seconds_bucket{le="0.1",sink="a"} 3\nrowseal_commit_to_delivery_seconds_bucket{le="+Inf",sink="a"} 4\n`;
    expect(parseMetrics(text)).toEqual({
      rssBytes: 5e8,
      heapBytes: 7,
      openFiles: 9,
      latency: [
        [0.1, 3],
        [Number.POSITIVE_INFINITY, 4],
      ],
    });
  });

  it('give quantiles inside their buckets, and the slope of a line', () => {
    const buckets = [
      [1, 10],
      [2, 20],
      [Number.POSITIVE_INFINITY, 21],
    ] as const;
    expect(quantile(buckets, 0.25)).toBeCloseTo(0.525);
    expect(quantile(buckets, 1)).toBe(2);
    expect(quantile([], 0.5)).toBeNaN();
    expect(
      slopePerHour([
        [0, 5],
        [1_800_000, 6],
        [3_600_000, 7],
      ]),
    ).toBeCloseTo(2);
  });
});
