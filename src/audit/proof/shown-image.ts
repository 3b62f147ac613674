import type { MaskedCell } from '../../model/cell.ts';
import { MalformedBytes } from '../bytes.ts';
import { cellCommitment, columnsHash, commitmentsHash } from '../disclosure/column-image.ts';
import { isErased } from '../erased.ts';
import { type Digest, imageHash } from '../hashing.ts';
import { decodeImageBody } from '../row-image.ts';
import type { ShownImage } from './proof-file.ts';
import { HIDDEN, type Hidden } from './report.ts';

/**
 * The cells of an image that is shown whole or in part; null when it is not the one that `hash` commits to.
 *
 * @throws MalformedBytes when it is not an image of `width` columns
 */
export function shownCells(
  image: Extract<ShownImage, { kind: 'whole' | 'columns' }>,
  hash: Digest,
  width: number,
  columnar: boolean,
): readonly (MaskedCell | Hidden)[] | null {
  if (image.kind === 'whole') {
    const { salt, body } = image;
    const found = columnar ? columnsHash(salt, body, width) : imageHash(salt, body);
    if (found !== hash || isErased(salt)) return null;
    const cells: MaskedCell[] = [];
    decodeImageBody(body, width, cells);
    return cells;
  }
  if (!columnar || image.commitments.length !== width)
    throw new MalformedBytes('columns are shown of a table whose images commit to whole rows');
  const commitments = [...image.commitments];
  const cells: (MaskedCell | Hidden)[] = commitments.map(() => HIDDEN);
  for (const { index, salt, cell } of image.cells) {
    if (commitments[index] !== null)
      throw new MalformedBytes('a column is shown twice or is none of the table');
    commitments[index] = cellCommitment(index, salt, cell);
    const own: MaskedCell[] = [];
    decodeImageBody(cell, 1, own);
    cells[index] = own[0]!;
  }
  if (commitments.includes(null)) throw new MalformedBytes('a column is neither shown nor committed to');
  return commitmentsHash(commitments as readonly Digest[]) === hash ? cells : null;
}
