import { expect, it } from 'vitest';
import { mergeExpositions } from '../../../src/ops/exposition.ts';

it('gathers the series of several under one head each', () => {
  const of = (pipeline: string, own = ''): string =>
    `# HELP a_total What.\n# TYPE a_total counter\na_total{pipeline="${pipeline}"} 1\n\n# HELP b Other.\n# TYPE b histogram\nb_bucket{pipeline="${pipeline}",le="1"} 2\nb_sum{pipeline="${pipeline}"} 3\n${own}`;
  expect(mergeExpositions(['', of('x'), of('y', '# HELP c Own.\n# TYPE c gauge\nc 4\n')])).toBe(
    `# HELP a_total What.
# TYPE a_total counter
a_total{pipeline="x"} 1
a_total{pipeline="y"} 1
# HELP b Other.
# TYPE b histogram
b_bucket{pipeline="x",le="1"} 2
b_sum{pipeline="x"} 3
b_bucket{pipeline="y",le="1"} 2
b_sum{pipeline="y"} 3
# HELP c Own.
# TYPE c gauge
c 4
`,
  );
});
