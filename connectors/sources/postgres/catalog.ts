import type { Client } from 'pg';
import { type Column, type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import { postgresError } from './errors.ts';
import { identityColumns } from './partition-identity.ts';
import { partitionsBelow } from './partition-tree.ts';
import { publishesGenerated } from './publication.ts';
import { type OldRows, WHOLE } from './tuple.ts';
import { columnType, type PgType } from './types.ts';

/** A column as a Relation message or the catalog gives it. */
export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** Part of the replica identity. */
  readonly key: boolean;
}

/** pgoutput's Relation message (PostgreSQL manual 53.9). */
export interface Relation extends TableName {
  readonly oid: number;
  /** pg_class.relreplident: d default, n nothing, f full, i index. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

interface CatalogColumn {
  readonly name: string;
  readonly attnum: number;
  readonly typeOid: number;
  readonly typmod: number;
  readonly sourceType: string;
  readonly inPrimaryKey: boolean;
  readonly inIdentity: boolean;
  /** `[namespace, table, column]` of a foreign key that leads away from this column; null: none. */
  readonly references: readonly [string, string, string] | null;
}

/** Looks up what the stream does not say: column numbers, type names, primary keys. */
export class Catalog {
  readonly #client: Client;
  readonly #publication: string;
  readonly #types = new Map<number, PgType>();
  #generated: boolean | null = null;

  /** @param publication says whether generated columns belong to the tables */
  constructor(client: Client, publication: string) {
    this.#client = client;
    this.#publication = publication;
  }

  /** The table as it is now; null when it does not exist. */
  async table(name: TableName): Promise<TableSchema | null> {
    const found = await this.#query<{ oid: number; identity: string }>(
      `SELECT c.oid::int8::float8 AS oid, c.relreplident AS identity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
      [name.namespace, name.name],
    );
    const relation = found[0];
    if (relation === undefined) return null;
    const columns = await this.#columns(relation.oid);
    return this.#schema(
      {
        ...name,
        oid: relation.oid,
        identity: relation.identity,
        columns: columns.map((column) => ({
          name: column.name,
          typeOid: column.typeOid,
          typmod: column.typmod,
          key: column.inIdentity,
        })),
      },
      columns,
    );
  }

  /** Tables that hold rows of their own, and partitioned ones in place of their partitions; none of the system's. */
  async names(): Promise<readonly TableName[]> {
    return this.#query<TableName>(
      `SELECT n.nspname AS namespace, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
         AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
         AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       ORDER BY 1, 2`,
      [],
    );
  }

  /** Keys of the tables that exist, by oid. */
  async oids(tables: readonly TableName[]): Promise<Map<number, string>> {
    const rows = await this.#query<TableName & { readonly oid: number }>(
      `SELECT c.oid::int8::float8 AS oid, n.nspname AS namespace, c.relname AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN unnest($1::text[], $2::text[]) AS t (namespace, name) ON t.namespace = n.nspname AND t.name = c.relname`,
      [tables.map(({ namespace }) => namespace), tables.map(({ name }) => name)],
    );
    return new Map(rows.map((row) => [row.oid, tableKey(row)]));
  }

  /** The version of a table that a Relation message announces. */
  async describe(relation: Relation): Promise<TableSchema> {
    return this.#schema(relation, await this.#columns(relation.oid));
  }

  /** What is to be thought of old rows of the table that a Relation message announces, and that is described as `table`. */
  async oldRows({ oid, identity, columns }: Relation, table: TableSchema): Promise<OldRows> {
    if (identity !== 'f') return WHOLE;
    const [found] = await this.#query<{ partitioned: boolean; short: readonly (readonly string[])[] }>(
      `SELECT c.relkind = 'p' AS partitioned,
              coalesce((SELECT jsonb_agg(DISTINCT ARRAY(${identityColumns('l')}))
                        FROM ${partitionsBelow('c.oid')} AS p JOIN pg_class l ON l.oid = p.relid
                        WHERE l.relkind = 'r' AND l.relreplident <> 'f'), '[]') AS short
       FROM pg_class c WHERE c.oid = $1`,
      [oid],
    );
    if (found?.partitioned === false) return WHOLE;
    const short = found?.short ?? [];
    // They may have been renamed since.
    const matches = short.length === 0 ? [] : matchColumns(columns, await this.#columns(oid));
    const places = short.map((names) =>
      columns.flatMap((_, i) => (names.includes(matches[i]?.name ?? '') ? [i] : [])),
    );
    return [table.key, ...places].filter(({ length }) => length > 0 && length < columns.length);
  }

  async #schema(relation: Relation, catalog: readonly CatalogColumn[]): Promise<TableSchema> {
    await this.#learnTypes(relation.columns.map((column) => column.typeOid));
    const matches = matchColumns(relation.columns, catalog);
    const columns = relation.columns.map((column, index): Column => {
      const match = matches[index];
      const type = columnType(column.typeOid, column.typmod, this.#types);
      return Object.freeze({
        name: column.name,
        type,
        sourceType:
          match?.typeOid === column.typeOid && match.typmod === column.typmod
            ? match.sourceType
            : `oid ${column.typeOid}`,
        id: match === undefined ? null : String(match.attnum),
        ...referencesOf(match),
      });
    });
    // Under FULL every column is flagged; the primary key then still tells rows apart.
    const inKey = (index: number): boolean =>
      relation.identity === 'f' ? matches[index]?.inPrimaryKey === true : relation.columns[index]!.key;
    const key = relation.columns.map((_, index) => index).filter(inKey);
    return Object.freeze({
      namespace: relation.namespace,
      name: relation.name,
      columns: Object.freeze(columns),
      key: Object.freeze(key),
    });
  }

  /** Generated columns are left out: pgoutput does not send them unless the publication asks for it (18 and later). */
  async #columns(oid: number): Promise<readonly CatalogColumn[]> {
    this.#generated ??= await publishesGenerated(this.#client, this.#publication);
    return this.#query<CatalogColumn>(
      `SELECT a.attname AS name, a.attnum::int AS attnum, a.atttypid::int8::float8 AS "typeOid", a.atttypmod AS typmod,
              format_type(a.atttypid, a.atttypmod) AS "sourceType",
              EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) AS "inPrimaryKey",
              EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                      WHERE i.indrelid = a.attrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) AS "inIdentity",
              (SELECT ARRAY[fn.nspname::text, fc.relname::text, fa.attname::text]
               FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (own, other)
               JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
               JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = pair.other
               WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND pair.own = a.attnum
               ORDER BY k.conname LIMIT 1) AS "references"
       FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attgenerated = '' OR $2 AND a.attgenerated = 's') ORDER BY a.attnum`,
      [oid, this.#generated],
    );
  }

  /** Loads types that are not built in, with the element and base types they lead to. */
  async #learnTypes(oids: readonly number[]): Promise<void> {
    let missing = oids.filter((oid) => !this.#types.has(oid));
    while (missing.length > 0) {
      const rows = await this.#query<PgType>(
        `SELECT t.oid::int8::float8 AS oid, t.typtype, t.typcategory AS category, t.typelem::int8::float8 AS "elementOid",
                t.typbasetype::int8::float8 AS "baseOid", t.typtypmod AS "baseTypmod",
                coalesce((SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid), '{}') AS labels
         FROM pg_type t WHERE t.oid = ANY ($1::oid[])`,
        [missing],
      );
      for (const row of rows) this.#types.set(row.oid, row);
      missing = rows
        .flatMap((row) => [row.elementOid, row.baseOid])
        .filter((oid) => oid !== 0 && !this.#types.has(oid));
    }
  }

  async #query<T extends object>(sql: string, values: readonly unknown[]): Promise<readonly T[]> {
    try {
      return (await this.#client.query<T>(sql, [...values])).rows;
    } catch (thrown) {
      throw postgresError(thrown, 'reading the catalog');
    }
  }
}

function referencesOf(column: CatalogColumn | undefined): Pick<Column, 'references'> {
  const path = column?.references ?? null;
  return path === null ? {} : { references: { namespace: path[0], name: path[1], column: path[2] } };
}

/**
 * Which column of today's catalog each column of the message is. Names decide; when one is gone (renamed since), the
 * column in the same place of an equally long list with the same type is taken, because both lists are in attnum order.
 */
export function matchColumns(
  columns: readonly RelationColumn[],
  catalog: readonly CatalogColumn[],
): readonly (CatalogColumn | undefined)[] {
  const byName = new Map(catalog.map((column) => [column.name, column]));
  const named = new Set(columns.map((column) => byName.get(column.name)?.attnum));
  return columns.map((column, index) => {
    const match = byName.get(column.name);
    if (match !== undefined) return match;
    const there = columns.length === catalog.length ? catalog[index] : undefined;
    return there !== undefined && there.typeOid === column.typeOid && !named.has(there.attnum)
      ? there
      : undefined;
  });
}
