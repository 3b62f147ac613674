import { BinlogDecoder } from '../../connectors/sources/mysql/binlog/binlog-decoder.ts';
import type {
  BinlogEvent,
  ColumnHint,
  DecoderOptions,
  RowsEvent,
  TableBinding,
  TableMap,
} from '../../connectors/sources/mysql/binlog/binlog-event.ts';
import type { RawCell } from '../../src/model/cell.ts';
import { Image } from '../../src/model/change.ts';

/** `fe 'bin'`: what a binlog file begins with. */
export const MAGIC_BYTES = 4;

export type Bind = (map: TableMap) => TableBinding | null;

/** A table made of what the map says, with hints by column name. */
export function bindAll(hints: Readonly<Record<string, ColumnHint>> = {}): Bind {
  return (map) => ({
    table: {
      namespace: map.schema,
      name: map.table,
      columns: map.columns.map(({ name, type, sourceType }) => ({ name, type, sourceType, id: null })),
      key: map.primaryKey.map(({ column }) => column),
    },
    hints: new Map(
      map.columns.flatMap(({ name }, i) => (hints[name] === undefined ? [] : [[i, hints[name]] as const])),
    ),
  });
}

/** The events of a whole binlog file, in order. */
export function readBinlog(
  file: Buffer,
  options: DecoderOptions,
  bind: Bind = bindAll(),
): readonly BinlogEvent[] {
  const decoder = new BinlogDecoder(options);
  const events: BinlogEvent[] = [];
  for (const [start, end] of eventBounds(file)) {
    decoder.decode(file, start, end);
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      events.push(event);
      if (event.kind === 'table-map') decoder.bind(event.map, bind(event.map));
    }
  }
  const last = decoder.flush();
  return last === null ? events : [...events, last];
}

/** Where each event of a binlog file lies. */
export function eventBounds(file: Buffer): readonly (readonly [number, number])[] {
  const bounds: [number, number][] = [];
  for (let at = MAGIC_BYTES; at < file.length; ) {
    const end = at + file.readUInt32LE(at + 9);
    bounds.push([at, end]);
    at = end;
  }
  return bounds;
}

export interface ReadRow {
  readonly op: number;
  readonly before: readonly RawCell[] | null;
  readonly after: readonly RawCell[] | null;
}

/** A run row by row. */
export function rowsOf(run: RowsEvent): readonly ReadRow[] {
  const width = run.table.columns.length;
  let at = 0;
  const image = (there: boolean): readonly RawCell[] | null => {
    if (!there) return null;
    at += width;
    return run.cells.slice(at - width, at);
  };
  return Array.from({ length: run.count }, (_, i) => ({
    op: run.ops[i]!,
    before: image((run.images[i]! & Image.before) !== 0),
    after: image((run.images[i]! & Image.after) !== 0),
  }));
}

/** All rows of a table, by name. */
export function tableRows(events: readonly BinlogEvent[], table: string): readonly ReadRow[] {
  return events.flatMap((event) => (event.kind === 'rows' && event.map.table === table ? rowsOf(event) : []));
}
