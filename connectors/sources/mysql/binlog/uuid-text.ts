/**
 * MariaDB keeps a UUID of versions 1 to 5 with its groups in reverse order, so that indexes follow time
 * (sql/sql_type_uuid.h): node, clock, high, middle, low. Others lie as they are written. What tells them apart are
 * the variant bit and the version, each where it lies in the turned order.
 */
export function mariadbUuidText(bytes: Uint8Array): string {
  const turned = (bytes[6]! & 0x80) !== 0 && bytes[8]! > 0 && bytes[8]! < 0x60;
  const at = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString('hex');
  return turned
    ? [at(12, 16), at(10, 12), at(8, 10), at(6, 8), at(0, 6)].join('-')
    : [at(0, 4), at(4, 6), at(6, 8), at(8, 10), at(10, 16)].join('-');
}

/** The 16 bytes of a server's or a GTID's UUID, in their own order. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
