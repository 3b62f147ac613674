/**
 * Methods that every Buffer has and Node's own `toString` and `write` call, but its types leave out. Calling them
 * directly skips the encoding look-up, which shows on the hot path. test/unit/postgres/driver.test.ts,
 * test/unit/bigquery/driver.test.ts and test/unit/audit/bytes.test.ts pin them.
 */
interface Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, length: number): number;
  latin1Write(text: string, offset: number, length: number): number;
}
