import { join } from 'node:path';
import { RowsealError } from '../../error/rowseal-error.ts';
import { ACCESS_FOLDER } from '../access-log.ts';
import { strictUtf8 } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import type { JournalLeaf } from '../journal-leaf.ts';
import { COSIGNED_FILE } from '../journal-reader.ts';
import { NodeDisk } from '../node-disk.ts';
import {
  MAX_NOTE_LENGTH,
  parseSignedHead,
  parseVerifierKey,
  type SignedHead,
  type VerifierKey,
} from '../note.ts';
import type { WitnessPolicy } from '../witness-policy.ts';
import { checkAccessLog } from './access-check.ts';
import { checkQuorum } from './cosignature-check.ts';
import { checkJournal } from './journal-check.ts';
import { trustedKeys } from './key-history.ts';
import { type FoundLog, type JudgedHead, judgeHeads } from './outside-heads.ts';
import { Findings, type VerifyReport } from './report.ts';
import { type ExpectedGroup, TableCheck } from './table-check.ts';
import type { TrustedKeys } from './trusted-keys.ts';

export interface VerifyOptions {
  readonly directory: string;
  /** Only this table (`namespace.name` or its directory); the journal is always checked. */
  readonly table?: string;
  /**
   * The keys to trust, as C2SP vkeys; those that they add are trusted too. Without any the one beside the log is used, and the
   * report says so.
   */
  readonly key?: string | readonly string[];
  /** Signed heads of this log that were kept elsewhere: the only thing that shows a cut-off end, or another history. */
  readonly head?: string | readonly string[];
  /** Witnesses that must have cosigned a head of the journal. */
  readonly policy?: WitnessPolicy;
  readonly disk?: Disk;
}

/**
 * Re-hashes everything in an audit directory and trusts nothing but the public key (docs/audit-format.md §8). Never
 * writes. May run beside a writer: the journal as it is at the start decides.
 *
 * @throws RowsealError RS-AUD-027 when there is nothing to verify or no key; RS-AUD-011 when there is no such table
 */
export async function verifyAudit(options: VerifyOptions): Promise<VerifyReport> {
  const disk = options.disk ?? new NodeDisk();
  const { directory } = options;
  const findings = new Findings();
  const keys = await keysToTrust(disk, options);
  if ((await disk.list(join(directory, 'journal'))).length === 0)
    throw new RowsealError('RS-AUD-027', { detail: `${directory} has no journal` });
  const verifier = await trustedKeys(disk, directory, keys);
  const origin = verifier.name;
  const brought = listOf(options.head).map(parseSignedHead);
  const named = brought.filter((head) => head !== null);
  const keptFile = join('journal', 'head');
  const kept = parseHead(await readText(disk, join(directory, keptFile)), keptFile, findings);
  const cosigned = await readCosigned(disk, directory, findings);
  // All heads before the journal: what a writer signs after the journal was read must not look as if it were cut off.
  const tableHeads = await readTableHeads(disk, directory);
  const accessHead = await readText(disk, join(directory, ACCESS_FOLDER, 'head'));

  const ofJournal = [kept, cosigned, ...named].filter((head) => head !== null);
  const journal = await checkJournal(disk, directory, verifier, sizesOf(ofJournal, origin), findings);
  verifier.finish(findings);
  const outside = named.filter((head) => isSigned(head, verifier, journal.leaves));
  const ownHeads = [kept, cosigned].filter((head) => head !== null);
  const signedOwn = checkSigned(ownHeads, origin, verifier, journal.leaves, findings).filter(
    (head) => head.head.origin === origin,
  );
  const found = { origin, size: journal.leaves.length, rootAt: journal.rootAt, kept: signedOwn[0] ?? null };
  judgeHeads(found, signedOwn, findings);
  const judged = new Map<SignedHead, JudgedHead>();
  const judge = (log: FoundLog): void => {
    const heads = outside.filter(({ head }) => head.origin === log.origin);
    for (const [i, fit] of judgeHeads(log, heads, findings).entries()) judged.set(heads[i]!, fit);
  };
  judge(found);
  if (brought.length === 0)
    findings.notes.push('truncation was not checked: no head from outside was given (--head FILE)');
  if (options.key === undefined)
    findings.notes.push('the key was not pinned: it was taken from the directory itself (--key VKEY)');

  const groups = groupsByTable(journal.leaves);
  let checked = 0;
  for (const [name, expected] of groups) {
    if (options.table !== undefined && !isTable(name, options.table)) continue;
    checked++;
    const table = `${origin}/tables/${name}`;
    const file = join('tables', name, 'head');
    const tableHead = parseHead(headOf(tableHeads.get(name)), file, findings);
    const ofTable = [tableHead, ...outside].filter((head) => head !== null);
    const result = await new TableCheck(
      disk,
      directory,
      name,
      verifier,
      expected,
      sizesOf(ofTable, table),
      findings,
    ).run();
    const own = tableHead === null ? [] : [tableHead];
    const kept = checkSigned(own, table, verifier, journal.leaves, findings);
    const signed = kept.filter((head) => head.head.origin === table);
    // By the key, and of another log: moved here.
    if (signed.length < kept.length)
      findings.add('RS-AUD-023', `the head belongs to ${tableHead?.head.origin}`, { file });
    const log = { origin: table, size: result.size, rootAt: result.rootAt, kept: signed[0] ?? null };
    judgeHeads(log, signed, findings);
    judge(log);
  }
  const access = await checkAccessLog(disk, directory, verifier, journal.leaves, accessHead, findings);
  judge(access.log);
  const heads = brought.map((head) => judged.get(head!) ?? leftOver(head, outside, origin, groups, findings));
  const fitting = [...signedOwn, ...outside].filter(
    ({ head }) => head.origin === origin && journal.rootAt.get(head.size) === head.root,
  );
  const seen =
    options.policy === undefined
      ? null
      : checkQuorum(options.policy, fitting, journal.leaves.length, findings);
  // Where something is found, that is the answer: what is cut off may have named the table.
  if (options.table !== undefined && checked === 0 && findings.problems.length === 0)
    throw new RowsealError('RS-AUD-011', {
      detail: `no group of ${directory} names a table ${options.table}`,
    });
  await noteStrangers(disk, directory, groups, findings);
  return {
    origin,
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
    accesses: access.log.size,
    gaps: findings.gaps,
    problems: findings.problems,
    notes: findings.notes,
    heads,
    cosigned: seen,
    head: journal.head,
  };
}

/** A head from outside that no log here is compared with. */
function leftOver(
  head: SignedHead | null,
  signed: readonly SignedHead[],
  origin: string,
  groups: ReadonlyMap<string, unknown>,
  findings: Findings,
): JudgedHead {
  const judged = (fit: JudgedHead['fit']): JudgedHead => ({
    origin: head?.head.origin ?? null,
    size: head?.head.size ?? null,
    fit,
  });
  if (head === null || !signed.includes(head)) {
    findings.add('RS-AUD-024', 'the given head is not a head signed by the key');
    return judged('unsigned');
  }
  const tables = `${origin}/tables/`;
  if (!head.head.origin.startsWith(tables)) {
    findings.add('RS-AUD-023', `the given head belongs to ${head.head.origin}`);
    return judged('foreign');
  }
  const name = head.head.origin.slice(tables.length);
  if (groups.has(name)) {
    findings.notes.push(`the head of ${head.head.origin} was not compared: only another table was checked`);
    return judged('not compared');
  }
  findings.add(
    'RS-AUD-022',
    `rolled back: a head for size ${head.head.size} of ${head.head.origin} was signed, and no group names the table`,
  );
  return judged('rolled back');
}

/** Heads that the directory keeps, but for those that no key of the log signed. */
function checkSigned(
  heads: readonly SignedHead[],
  origin: string,
  verifier: TrustedKeys,
  leaves: readonly JournalLeaf[],
  findings: Findings,
): readonly SignedHead[] {
  return heads.filter((head) => {
    findings.signatures++;
    const signed = isSigned(head, verifier, leaves);
    if (!signed) findings.add('RS-AUD-024', `a kept head of ${origin} is not signed by the key`);
    return signed;
  });
}

/** By a key that might sign when the head was made: the head of the journal after a leaf, or of a table after its group. */
function isSigned(head: SignedHead, verifier: TrustedKeys, leaves: readonly JournalLeaf[]): boolean {
  const { origin, size } = head.head;
  if (origin === verifier.name) return verifier.signedByKey(head, Math.max(0, size - 1));
  const directory = origin.slice(`${verifier.name}/tables/`.length);
  const leaf = leaves.find(({ tables }) =>
    tables.some((table) => table.directory === directory && table.size === size),
  );
  return verifier.signedByKey(head, leaf?.group ?? null);
}

async function keysToTrust(disk: Disk, options: VerifyOptions): Promise<readonly VerifierKey[]> {
  const given = listOf(options.key);
  const kept = given.length > 0 ? null : await readText(disk, join(options.directory, 'log.vkey'));
  const texts = kept === null ? given : [kept];
  if (texts.length === 0)
    throw new RowsealError('RS-AUD-027', { detail: `${options.directory} has no log.vkey` });
  const keys = texts.map((text) => {
    const key = parseVerifierKey(text);
    if (key !== null) return key;
    throw new RowsealError('RS-AUD-027', {
      detail:
        kept === null ? '--key is not a verifier key (name+id+base64)' : 'log.vkey is not a verifier key',
    });
  });
  if (new Set(keys.map(({ name }) => name)).size > 1)
    throw new RowsealError('RS-AUD-027', { detail: 'the given keys are of different logs' });
  return keys;
}

function listOf(given: string | readonly string[] | undefined): readonly string[] {
  return given === undefined ? [] : typeof given === 'string' ? [given] : given;
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

type ReadHead = PromiseSettledResult<string | null>;

/**
 * By directory of the table: its head file. Writers rewrite it every second or so. What cannot be read may not be of the log: only
 * the journal, which is read later, says that.
 */
async function readTableHeads(disk: Disk, directory: string): Promise<ReadonlyMap<string, ReadHead>> {
  const heads = new Map<string, ReadHead>();
  for (const name of await disk.list(join(directory, 'tables'))) {
    const [head] = await Promise.allSettled([readText(disk, join(directory, 'tables', name, 'head'))]);
    heads.set(name, head);
  }
  return heads;
}

/** null: there is none. @throws RowsealError RS-AUD-001 when it could not be read */
function headOf(read: ReadHead | undefined): string | null {
  if (read?.status === 'rejected') throw read.reason;
  return read?.value ?? null;
}

/** The kept head of a log. @param text of the file; null: it is missing, which is said */
function parseHead(text: string | null, file: string, findings: Findings): SignedHead | null {
  if (text === null) {
    findings.notes.push(`${file} is not there: nothing in the directory itself would show a cut-off end`);
    return null;
  }
  const head = parseSignedHead(text);
  if (head === null) findings.add('RS-AUD-020', 'the file is not a signed head', { file });
  return head;
}

/** The newest head that witnesses have cosigned; only logs with witnesses have one. */
async function readCosigned(disk: Disk, directory: string, findings: Findings): Promise<SignedHead | null> {
  const text = await readText(disk, join(directory, COSIGNED_FILE));
  const head = text === null ? null : parseSignedHead(text);
  if (text !== null && head === null)
    findings.add('RS-AUD-020', 'the file is not a signed head', { file: COSIGNED_FILE });
  return head;
}

function sizesOf(heads: readonly SignedHead[], origin: string): ReadonlySet<number> {
  return new Set(heads.filter((head) => head.head.origin === origin).map((head) => head.head.size));
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
  'lookup',
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
  if ((await disk.size(path)) === null) return null;
  // No note is longer, in bytes: of a file that is, no more is read, however long it is.
  return strictUtf8(await disk.read(path, 0, 3 * MAX_NOTE_LENGTH + 1)) ?? '';
}
