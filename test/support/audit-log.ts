import { openAuditLog } from '../../src/audit/open.ts';
import type { Signer } from '../../src/audit/signers/signer.ts';
import { at, begin, column, INT, rows, table } from './masked.ts';

const people = table('people', [column('id', 1, INT), column('email', 2)]);

export interface SmallLog {
  readonly directory: string;
  readonly origin: string;
  readonly signer: Signer;
  /** First group to seal, and the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly rowsPerGroup?: number;
  /** Goes into every row: other words make another history. */
  readonly word?: string;
  readonly segmentMaxBytes?: number;
}

/** Groups of rows in one table; the log is closed again. */
export async function writeGroups(log: SmallLog): Promise<void> {
  const { directory, origin, signer, from, to, rowsPerGroup = 3, word = 'x', segmentMaxBytes = 65_536 } = log;
  const opened = await openAuditLog({ directory, origin, signer, segmentMaxBytes, headIntervalMs: 0 });
  try {
    for (let n = from; n < to; n++) {
      const group = opened.log.begin();
      await group.append([
        begin(n * 10),
        rows(
          people,
          0,
          Array.from({ length: rowsPerGroup }, (_, i) => ({
            op: 'c' as const,
            after: [String(n * 1000 + i), `${word}_${n}_${i}`],
          })),
        ),
      ]);
      await group.seal(at(n * 10 + 5));
    }
  } finally {
    await opened.log.close();
  }
}
