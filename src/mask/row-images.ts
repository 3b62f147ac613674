import { Image, Op, type RowRun } from '../model/change.ts';

/** How many row images a run holds, all rows together. */
export function imageCount(run: RowRun): number {
  let images = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    images += (bits & Image.before) + ((bits & Image.after) >> 1);
  }
  return images;
}

/** For key tags: where the image that identifies the row begins. */
export function keyImageOffsets(
  run: RowRun,
  width: number,
): { readonly current: Int32Array; readonly old: Int32Array } {
  const current = new Int32Array(run.count);
  const old = new Int32Array(run.count).fill(-1);
  let at = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    const before = (bits & Image.before) !== 0;
    const after = (bits & Image.after) !== 0;
    current[row] = before && after ? at + width : at;
    if (before && after && run.ops[row] === Op.update) old[row] = at;
    at += (before ? width : 0) + (after ? width : 0);
  }
  return { current, old };
}
