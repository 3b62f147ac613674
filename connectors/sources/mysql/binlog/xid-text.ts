/** Id of an XA transaction as both servers write it in XA COMMIT and XA ROLLBACK statements: `X'6162',X'63',1`. */
export function xidText(format: number, gtrid: Buffer, bqual: Buffer): string {
  return `X'${gtrid.toString('hex')}',X'${bqual.toString('hex')}',${format}`;
}
