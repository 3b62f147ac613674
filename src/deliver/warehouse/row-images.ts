import { Image } from '../../model/change.ts';
import type { MaskedRun } from '../../model/masked.ts';

/** Where the images of a run's rows begin among its cells; -1: the row has none. Made once a run, not once a row. */
export interface ImagePlaces {
  readonly before: Int32Array;
  readonly after: Int32Array;
}

export function imagePlaces(run: MaskedRun): ImagePlaces {
  const width = run.table.columns.length;
  const before = new Int32Array(run.count).fill(-1);
  const after = new Int32Array(run.count).fill(-1);
  let at = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    if ((bits & Image.before) !== 0) {
      before[row] = at;
      at += width;
    }
    if ((bits & Image.after) !== 0) {
      after[row] = at;
      at += width;
    }
  }
  return { before, after };
}
