import { join } from 'node:path';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { Disk } from '../disk.ts';
import type { JournalLeaf } from '../journal-leaf.ts';
import { NodeDisk } from '../node-disk.ts';
import { parseSignedHead, parseVerifierKey, type SignedHead, type VerifierKey } from '../note.ts';
import { checkAccessLog } from './access-check.ts';
import { checkJournal } from './journal-check.ts';
import { Findings, type VerifyReport } from './report.ts';
import { HeadVerifier } from './signature.ts';
import { type ExpectedGroup, TableCheck } from './table-check.ts';

export interface VerifyOptions {
  readonly directory: string;
  /** Only this table (`namespace.name` or its directory); the journal is always checked. */
  readonly table?: string;
  /** The key to trust, as a C2SP vkey. Without it the one beside the log is used, and the report says so. */
  readonly key?: string;
  /** A signed head of this log that was kept elsewhere: the only thing that shows a cut-off end. */
  readonly head?: string;
  readonly disk?: Disk;
}

/**
 * Re-hashes everything in an audit directory and trusts nothing but the public key (docs/audit-format.md §8). Never
 * writes. May run beside a writer: the journal as it is at the start decides.
 *
 * @throws RowsealError RS-AUD-027 when there is nothing to verify or no key
 */
export async function verifyAudit(options: VerifyOptions): Promise<VerifyReport> {
  const disk = options.disk ?? new NodeDisk();
  const { directory } = options;
  const findings = new Findings();
  const key = await keyToTrust(disk, options);
  if ((await disk.list(join(directory, 'journal'))).length === 0)
    throw new RowsealError('RS-AUD-027', { detail: `${directory} has no journal` });
  const verifier = new HeadVerifier(key);
  const pinned = options.head === undefined ? null : parseSignedHead(options.head);
  if (options.head !== undefined && (pinned === null || !verifier.signedByKey(pinned)))
    findings.add('RS-AUD-024', 'the given head is not a head signed by the key');

  const journalHead = await readHead(disk, directory, join('journal', 'head'), verifier, findings);
  const heads = [journalHead, pinned].filter((head) => head !== null);
  const journal = await checkJournal(disk, directory, verifier, sizesOf(heads, key.name), findings);
  for (const head of heads) checkHead(head, key.name, journal.leaves.length, journal.rootAt, findings);
  if (options.head === undefined)
    findings.notes.push('truncation was not checked: no head from outside was given (--head FILE)');
  if (options.key === undefined)
    findings.notes.push('the key was not pinned: it was taken from the directory itself (--key VKEY)');

  const groups = groupsByTable(journal.leaves);
  let checked = 0;
  for (const [name, expected] of groups) {
    if (options.table !== undefined && !isTable(name, options.table)) continue;
    checked++;
    const tableHead = await readHead(disk, directory, join('tables', name, 'head'), verifier, findings);
    const origin = `${key.name}/tables/${name}`;
    const own = [tableHead, pinned].filter(
      (head) => head !== null && head.head.origin === origin,
    ) as SignedHead[];
    if (tableHead !== null && tableHead.head.origin !== origin)
      findings.add('RS-AUD-023', `the head belongs to ${tableHead.head.origin}`, {
        file: join('tables', name, 'head'),
      });
    const result = await new TableCheck(
      disk,
      directory,
      name,
      verifier,
      expected,
      sizesOf(own, origin),
      findings,
    ).run();
    for (const head of own) checkHead(head, origin, result.size, result.rootAt, findings);
  }
  const accesses = await checkAccessLog(disk, directory, verifier, pinned, findings);
  await noteStrangers(disk, directory, groups, findings);
  return {
    origin: key.name,
    keyPinned: options.key !== undefined,
    groups: journal.leaves.length,
    tables: checked,
    records: findings.records,
    signatures: findings.signatures,
    bytes: findings.bytes,
    storedBytes: findings.storedBytes,
    erased: findings.erased,
    erasures: findings.erasures,
    expired: findings.expired,
    expiries: findings.expiries,
    accesses,
    gaps: findings.gaps,
    problems: findings.problems,
    notes: findings.notes,
    head: journal.head,
  };
}

async function keyToTrust(disk: Disk, options: VerifyOptions): Promise<VerifierKey> {
  const kept = await readText(disk, join(options.directory, 'log.vkey'));
  const text = options.key ?? kept;
  if (text === null) throw new RowsealError('RS-AUD-027', { detail: `${options.directory} has no log.vkey` });
  const key = parseVerifierKey(text);
  if (key === null)
    throw new RowsealError('RS-AUD-027', {
      detail:
        options.key === undefined
          ? 'log.vkey is not a verifier key'
          : '--key is not a verifier key (name+id+base64)',
    });
  return key;
}

function groupsByTable(leaves: readonly JournalLeaf[]): ReadonlyMap<string, readonly ExpectedGroup[]> {
  const groups = new Map<string, ExpectedGroup[]>();
  for (const leaf of leaves) {
    for (const touched of leaf.tables) {
      const list = groups.get(touched.directory);
      if (list === undefined) groups.set(touched.directory, [{ group: leaf.group, touched }]);
      else list.push({ group: leaf.group, touched });
    }
  }
  return groups;
}

/** The kept head of a log. Writers rewrite it every second or so; a missing one is said. */
async function readHead(
  disk: Disk,
  directory: string,
  file: string,
  verifier: HeadVerifier,
  findings: Findings,
): Promise<SignedHead | null> {
  const text = await readText(disk, join(directory, file));
  if (text === null) {
    findings.notes.push(`${file} is not there: nothing in the directory itself would show a cut-off end`);
    return null;
  }
  const head = parseSignedHead(text);
  findings.signatures++;
  if (head === null) findings.add('RS-AUD-020', 'the file is not a signed head', { file });
  else if (!verifier.signedByKey(head))
    findings.add('RS-AUD-024', 'the head is not signed by the key', { file });
  else return head;
  return null;
}

function sizesOf(heads: readonly SignedHead[], origin: string): ReadonlySet<number> {
  return new Set(heads.filter((head) => head.head.origin === origin).map((head) => head.head.size));
}

function checkHead(
  head: SignedHead,
  origin: string,
  size: number,
  rootAt: ReadonlyMap<number, string>,
  findings: Findings,
): void {
  if (head.head.origin !== origin) return;
  if (head.head.size > size) {
    // A broken log stops early; what broke it is reported already.
    findings.add(
      'RS-AUD-022',
      `a head signed for size ${head.head.size} exists, the log of ${origin} can be followed to ${size}`,
    );
  } else if (rootAt.get(head.head.size) !== head.head.root)
    findings.add('RS-AUD-026', `a head signed for size ${head.head.size} of ${origin} has another root`);
}

function isTable(directory: string, asked: string): boolean {
  return directory === asked || directory.slice(0, -17) === asked;
}

const OPERATIONAL = new Set([
  'access',
  'epoch',
  'journal',
  'lock',
  'lock.holder',
  'log.vkey',
  'quarantine',
  'tables',
]);

async function noteStrangers(
  disk: Disk,
  directory: string,
  groups: ReadonlyMap<string, unknown>,
  findings: Findings,
): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (!OPERATIONAL.has(name)) findings.notes.push(`${name} is not part of the log`);
    if (name === 'quarantine')
      findings.notes.push(
        'quarantine holds unsealed bytes that recovery set aside; they are not part of the log',
      );
  }
  for (const name of await disk.list(join(directory, 'tables'))) {
    if (!groups.has(name)) findings.notes.push(`tables/${name} is named by no sealed group`);
  }
}

async function readText(disk: Disk, path: string): Promise<string | null> {
  const size = await disk.size(path);
  return size === null ? null : (await disk.read(path, 0, size)).toString('utf8');
}
