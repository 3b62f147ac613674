import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';

/** Where rows come from, as it is bound: the rows' own numbers, and what they share, once. */
export interface PackedProofs {
  readonly seq: readonly string[];
  /** Place of each row in the lists, from 1; null: there is one place only. */
  readonly places: readonly string[] | null;
  /** Op, group and commit time (µs) by place. */
  readonly shared: readonly [readonly string[], readonly string[], readonly string[]];
}

/** Rows of one transaction share all but their numbers: binding that per row cost as much as a column. */
export function packProofs(proofs: readonly RowProof[]): PackedProofs {
  const ops: string[] = [];
  const groups: string[] = [];
  const times: string[] = [];
  const known = new Map<string, string>();
  const seq = new Array<string>(proofs.length);
  const places = new Array<string>(proofs.length);
  let last: RowProof | null = null;
  let place = '';
  for (let i = 0; i < proofs.length; i++) {
    const proof = proofs[i]!;
    if (last === null || !sharesPlace(proof, last)) {
      const key = `${proof.op} ${proof.group} ${proof.commitTimeUs}`;
      const found = known.get(key);
      if (found === undefined) {
        ops.push(proof.op);
        groups.push(String(proof.group));
        times.push(String(proof.commitTimeUs));
        place = String(ops.length);
        known.set(key, place);
      } else place = found;
    }
    last = proof;
    seq[i] = String(proof.seq);
    places[i] = place;
  }
  return { seq, places: ops.length > 1 ? places : null, shared: [ops, groups, times] };
}

function sharesPlace(a: RowProof, b: RowProof): boolean {
  return a.op === b.op && a.group === b.group && a.commitTimeUs === b.commitTimeUs;
}

/**
 * The mirror's own columns (`PROOF_COLUMNS`) of packed rows.
 *
 * @param seq index of the column with the numbers; the places, if there are any, are behind it
 * @param first number of the parameter with the ops; groups and times are behind it
 */
export function proofExpressions(
  { places }: PackedProofs,
  seq: number,
  first: number,
): readonly [string, string, string, string] {
  const text = (i: number): string => `$${first + i}::VARCHAR`;
  const number = `CAST(c${seq} AS BIGINT)`;
  if (places === null)
    return [text(0), `CAST(${text(1)} AS BIGINT)`, number, `make_timestamptz(CAST(${text(2)} AS BIGINT))`];
  const at = `CAST(c${seq + 1} AS INTEGER)`;
  const list = (i: number): string => `string_split(${text(i)}, chr(31))`;
  return [
    `list_extract(${list(0)}, ${at})`,
    `list_extract(CAST(${list(1)} AS BIGINT[]), ${at})`,
    number,
    `make_timestamptz(list_extract(CAST(${list(2)} AS BIGINT[]), ${at}))`,
  ];
}
