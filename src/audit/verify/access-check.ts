import { join } from 'node:path';
import {
  ACCESS_FILE,
  ACCESS_FOLDER,
  accessOrigin,
  entryBytes,
  linesOf,
  parseAccessLine,
} from '../access-log.ts';
import { strictUtf8 } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { leafHash } from '../hashing.ts';
import { CompactRange } from '../merkle.ts';
import { parseSignedHead, type SignedHead } from '../note.ts';
import type { Findings } from './report.ts';
import type { HeadVerifier } from './signature.ts';

/**
 * docs/audit-format.md §9: every request to turn tokens back is covered by a signature made before the answer.
 *
 * @param pinned a head from outside, of any log
 * @returns how many requests there are
 */
export async function checkAccessLog(
  disk: Disk,
  directory: string,
  verifier: HeadVerifier,
  pinned: SignedHead | null,
  findings: Findings,
): Promise<number> {
  const file = join(ACCESS_FOLDER, ACCESS_FILE);
  const origin = accessOrigin(verifier.name);
  const tree = new CompactRange();
  const roots = new Map<number, string>();
  const size = (await disk.size(join(directory, file))) ?? 0;
  const bytes = size === 0 ? Buffer.alloc(0) : await disk.read(join(directory, file), 0, size);
  const lines = linesOf(bytes);
  const kept = await keptHead(disk, directory, verifier, origin, bytes.length > 0, findings);
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
      return tree.size;
    }
    tree.append(leafHash(entryBytes(line.entry)));
    const root = tree.root();
    roots.set(tree.size, root);
    findings.signatures++;
    const verdict = verifier.check(line.note, { origin, size: tree.size, root });
    if (verdict === 'ok') continue;
    if (verdict === 'unsigned')
      findings.add('RS-AUD-024', `request ${i + 1} is not signed by the key`, { file });
    else
      findings.add('RS-AUD-020', `the head of request ${i + 1} does not fit the requests before it`, {
        file,
      });
    return tree.size;
  }
  const outside = pinned !== null && pinned.head.origin === origin ? pinned : null;
  for (const head of [kept, outside]) {
    if (head === null) continue;
    const { size, root } = head.head;
    if (size > tree.size)
      findings.add('RS-AUD-022', `a head signed for ${size} requests exists, ${tree.size} are there`, {
        file,
      });
    else if (size > 0 && roots.get(size) !== root)
      findings.add('RS-AUD-026', `a head signed for ${size} requests has another root`, { file });
  }
  return tree.size;
}

const UNFINISHED = `${join(ACCESS_FOLDER, ACCESS_FILE)}: an unfinished line at the end; the request was not answered`;

/** The head file, if it is one of this log by the key. */
async function keptHead(
  disk: Disk,
  directory: string,
  verifier: HeadVerifier,
  origin: string,
  due: boolean,
  findings: Findings,
): Promise<SignedHead | null> {
  const file = join(ACCESS_FOLDER, 'head');
  const text = await readText(disk, join(directory, file));
  if (text === null) {
    if (due)
      findings.notes.push(`${file} is not there: nothing in the directory itself would show a cut-off end`);
    return null;
  }
  const signed = parseSignedHead(text);
  findings.signatures++;
  if (signed === null || signed.head.origin !== origin)
    findings.add('RS-AUD-020', 'the file is not a head of the access log', { file });
  else if (!verifier.signedByKey(signed))
    findings.add('RS-AUD-024', 'the head is not signed by the key', { file });
  else return signed;
  return null;
}

async function readText(disk: Disk, path: string): Promise<string | null> {
  const size = await disk.size(path);
  return size === null ? null : (strictUtf8(await disk.read(path, 0, size)) ?? '');
}
