import type { Gap } from '../model/masked.ts';
import type { TableName } from '../model/table.ts';

export interface GapJson {
  readonly cause: string;
  readonly from: string;
  readonly to: string;
  readonly tables: readonly NameJson[];
  readonly copied: boolean;
  readonly actor: string;
  readonly reason: string;
}

export type NameJson = readonly [namespace: string, name: string];

/** Members in this order (docs/audit-format.md §7, "Gaps"). */
export function encodeGap(gap: Gap): GapJson {
  const { cause, from, to, tables, copied, actor, reason } = gap;
  return { cause, from, to, tables: encodeNames(tables), copied, actor, reason };
}

/** Of any JSON; what is of another form does not encode to the same again. */
export function decodeGap(json: GapJson): Gap {
  return {
    cause: String(json.cause),
    from: String(json.from),
    to: String(json.to),
    tables: decodeNames(json.tables),
    copied: json.copied === true,
    actor: String(json.actor),
    reason: String(json.reason),
  };
}

export function encodeNames(names: readonly TableName[]): readonly NameJson[] {
  return names.map(({ namespace, name }) => [namespace, name]);
}

export function decodeNames(json: readonly NameJson[]): readonly TableName[] {
  return json.map(([namespace, name]) => ({ namespace: String(namespace), name: String(name) }));
}
