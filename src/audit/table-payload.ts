import type { MaskedColumn, MaskedTable } from '../model/masked.ts';
import type { ColumnType } from '../model/type.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disclosure } from './disclosure/disclosure.ts';

/**
 * Payloads of schema and policy records: JSON with a fixed order of members, so that equal versions have equal bytes
 * and a verifier can decode, encode again and compare (docs/audit-format.md §6).
 */
export function schemaPayload(table: MaskedTable, disclosure: Disclosure = 'row'): string {
  return JSON.stringify({
    namespace: table.namespace,
    name: table.name,
    key: table.key,
    columns: table.columns.map((column) => ({
      name: column.name,
      id: column.id,
      type: canonicalType(column.type),
      source_type: column.sourceType,
      method: column.method,
    })),
    ...(disclosure === 'row' ? {} : { disclosure }),
  });
}

/** What the image hashes under this schema commit to. @param schema in canonical form */
export function disclosureOf(schema: string): Disclosure {
  return schema.endsWith('],"disclosure":"column"}') ? 'column' : 'row';
}

export function policyPayload(table: MaskedTable): string {
  return JSON.stringify({
    policy: table.policy,
    key_epoch: table.keyEpoch,
    key_fingerprint: table.keyFingerprint,
  });
}

/** @throws MalformedBytes when the payloads are not what {@link schemaPayload} and {@link policyPayload} write */
export function tableFromPayloads(schema: string, policy: string): MaskedTable {
  let table: MaskedTable;
  try {
    const s = JSON.parse(schema) as SchemaJson;
    const p = JSON.parse(policy) as PolicyJson;
    table = Object.freeze({
      namespace: s.namespace,
      name: s.name,
      key: s.key,
      columns: s.columns.map(
        (column): MaskedColumn => ({
          name: column.name,
          type: column.type,
          sourceType: column.source_type,
          id: column.id,
          method: column.method,
        }),
      ),
      policy: p.policy,
      keyEpoch: p.key_epoch,
      keyFingerprint: p.key_fingerprint,
    });
    if (schemaPayload(table, disclosureOf(schema)) === schema && policyPayload(table) === policy)
      return table;
  } catch {
    // JSON.parse quotes its input in the message; what is wrong is said below without it.
  }
  throw new MalformedBytes('a schema or policy payload is not in canonical form');
}

interface SchemaJson {
  readonly namespace: string;
  readonly name: string;
  readonly key: readonly number[];
  readonly columns: readonly {
    readonly name: string;
    readonly id: string | null;
    readonly type: ColumnType;
    readonly source_type: string;
    readonly method: string;
  }[];
}

interface PolicyJson {
  readonly policy: string;
  readonly key_epoch: number;
  readonly key_fingerprint: string;
}

/** The same members in the same order, whoever made the literal. */
function canonicalType(type: ColumnType): ColumnType {
  switch (type.kind) {
    case 'int':
      return { kind: 'int', bits: type.bits, unsigned: type.unsigned };
    case 'decimal':
      return { kind: 'decimal', precision: type.precision, scale: type.scale };
    case 'float':
      return { kind: 'float', bits: type.bits };
    case 'text':
      return { kind: 'text', maxLength: type.maxLength, padded: type.padded };
    case 'time':
      return { kind: 'time', withZone: type.withZone };
    case 'timestamp':
      return { kind: 'timestamp', withZone: type.withZone };
    case 'enum':
      return { kind: 'enum', labels: type.labels };
    case 'array':
      return { kind: 'array', element: canonicalType(type.element) };
    default:
      return { kind: type.kind };
  }
}
