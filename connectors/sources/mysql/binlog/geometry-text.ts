import { malformed } from './defect.ts';

const LITTLE_ENDIAN = 1;
/** Flag in the type of EWKB: a spatial reference id follows. */
const HAS_SRID = 0x20;

/**
 * GEOMETRY: four bytes of SRID, then WKB (MySQL manual 13.4.3). The text is what PostGIS prints for such a value,
 * EWKB in upper-case hexadecimal: one form for both sources, exact, readable by every warehouse's ST_GeomFromWKB or
 * its like, and unlike WKT it keeps the SRID. Inside the server the first coordinate is x, also where a reference
 * system puts latitude first.
 *
 * @throws RowsealError RS-MY-050
 */
export function geometryText(source: Buffer, start: number, end: number): string {
  if (end - start < 9 || source[start + 4] !== LITTLE_ENDIAN) throw malformed('a geometry that is cut short');
  const hasSrid = source.readUInt32LE(start) !== 0;
  if (!hasSrid) return source.toString('hex', start + 4, end).toUpperCase();
  const head = Buffer.alloc(9);
  source.copy(head, 0, start + 4, start + 9);
  head[4] = head[4]! | HAS_SRID;
  source.copy(head, 5, start, start + 4);
  return (head.toString('hex') + source.toString('hex', start + 9, end)).toUpperCase();
}
