import { join } from 'node:path';
import {
  ACCESS_FILE,
  ACCESS_FOLDER,
  accessOrigin,
  entryBytes,
  linesOf,
  parseAccessLine,
} from '../access-log.ts';
import type { Disk } from '../disk.ts';
import { leafHash } from '../hashing.ts';
import type { JournalLeaf } from '../journal-leaf.ts';
import { CompactRange } from '../merkle.ts';
import { parseSignedHead, type SignedHead } from '../note.ts';
import { type FoundLog, judgeHeads } from './outside-heads.ts';
import type { Findings } from './report.ts';
import type { TrustedKeys } from './trusted-keys.ts';

export interface CheckedAccessLog {
  readonly log: FoundLog;
}

/**
 * docs/audit-format.md §9: every request to turn tokens back is covered by a signature made before the answer.
 *
 * @param leaves of the journal: which key might sign at the time of a request
 * @param headText of the head file, read before all else; null: there is none
 */
export async function checkAccessLog(
  disk: Disk,
  directory: string,
  verifier: TrustedKeys,
  leaves: readonly JournalLeaf[],
  headText: string | null,
  findings: Findings,
): Promise<CheckedAccessLog> {
  const file = join(ACCESS_FOLDER, ACCESS_FILE);
  const origin = accessOrigin(verifier.name);
  const tree = new CompactRange();
  const roots = new Map<number, string>([[0, tree.root()]]);
  let group = 0;
  const size = (await disk.size(join(directory, file))) ?? 0;
  const bytes = size === 0 ? Buffer.alloc(0) : await disk.read(join(directory, file), 0, size);
  const lines = linesOf(bytes);
  const kept = keptHead(headText, origin, bytes.length > 0, findings);
  const found = (): FoundLog => ({ origin, size: tree.size, rootAt: roots, kept });
  const done = (): CheckedAccessLog => {
    // A change of keys signs it anew, later than any request.
    if (kept !== null && !verifier.signedByKey(kept, group) && !verifier.signedByKey(kept))
      findings.add('RS-AUD-024', 'the head is not signed by the key', { file: join(ACCESS_FOLDER, 'head') });
    return { log: found() };
  };
  if ((lines.at(-1)?.end ?? 0) < bytes.length) findings.notes.push(UNFINISHED);
  for (const [i, { text }] of lines.entries()) {
    const line = parseAccessLine(text);
    if (line === null && i === lines.length - 1 && i >= (kept?.head.size ?? 0)) {
      // The head follows the line, and the answer the head: a crash can tear only a line that no head covers.
      findings.notes.push(UNFINISHED);
      break;
    }
    if (line === null) {
      findings.add('RS-AUD-020', `line ${i + 1} cannot be read`, { file });
      return done();
    }
    tree.append(leafHash(entryBytes(line.entry)));
    const root = tree.root();
    roots.set(tree.size, root);
    findings.signatures++;
    group = groupAt(leaves, BigInt(line.entry.time_us));
    const verdict = verifier.check(line.note, { origin, size: tree.size, root }, group);
    if (verdict === 'ok') continue;
    if (verdict === 'unsigned')
      findings.add('RS-AUD-024', `request ${i + 1} is not signed by the key`, { file });
    else
      findings.add('RS-AUD-020', `the head of request ${i + 1} does not fit the requests before it`, {
        file,
      });
    return done();
  }
  if (kept !== null) judgeHeads(found(), [kept], findings);
  return done();
}

/** Number of the newest group that was sealed by then; 0 before the first. */
function groupAt(leaves: readonly JournalLeaf[], timeUs: bigint): number {
  return Math.max(
    0,
    leaves.findLastIndex((leaf) => leaf.sealedAtUs <= timeUs),
  );
}

const UNFINISHED = `${join(ACCESS_FOLDER, ACCESS_FILE)}: an unfinished line at the end; the request was not answered`;

/** The head file, if it is one of this log. */
function keptHead(text: string | null, origin: string, due: boolean, findings: Findings): SignedHead | null {
  const file = join(ACCESS_FOLDER, 'head');
  if (text === null) {
    if (due)
      findings.notes.push(`${file} is not there: nothing in the directory itself would show a cut-off end`);
    return null;
  }
  const signed = parseSignedHead(text);
  findings.signatures++;
  if (signed !== null && signed.head.origin === origin) return signed;
  findings.add('RS-AUD-020', 'the file is not a head of the access log', { file });
  return null;
}
