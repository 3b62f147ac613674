import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { activeKeys, requireActive } from './active-keys.ts';
import { strictUtf8 } from './bytes.ts';
import type { Disk } from './disk.ts';
import { quarantineTail, replaceFile, writeAgain } from './durable.ts';
import { nodeEd25519 } from './ed25519/node-ed25519.ts';
import { leafHash } from './hashing.ts';
import { verifierKeyOf } from './keys.ts';
import { CompactRange } from './merkle.ts';
import { parseSignedHead, parseVerifierKey, type SignedHead, type TreeHead } from './note.ts';
import { type Signer, signHead } from './signers/signer.ts';
import { followedKeys } from './verify/key-history.ts';
import { HeadVerifier } from './verify/signature.ts';

/** One request to turn tokens back, written down and signed before it is answered (docs/audit-format.md §9). */
export interface AccessEntry {
  /** Microseconds since 1970-01-01 UTC, as text: JSON numbers are doubles. */
  readonly time_us: string;
  readonly actor: string;
  readonly reason: string;
  /** Token space, `domain:…` or `column:…`. */
  readonly space: string;
  /** Method that made the tokens, for example `reversible`. */
  readonly method: string;
  readonly key_epoch: number;
  /** `granted`: the answer follows this record. The record is signed first, so it cannot say that the answer was seen. */
  readonly outcome: 'granted' | 'refused';
  /** The masked values that were asked about: they are in the warehouse anyway, and say what was looked up. */
  readonly tokens: readonly string[];
}

/** A line of the log: the entry, and the signed head of the tree that it completes. */
export interface AccessLine {
  readonly entry: AccessEntry;
  readonly note: string;
}

export const ACCESS_FOLDER = 'access';
export const ACCESS_FILE = 'requests.jsonl';

export function accessOrigin(origin: string): string {
  return `${origin}/access`;
}

/** The bytes that are hashed and signed: members in this order. */
export function entryBytes(entry: AccessEntry): Buffer {
  const { time_us, actor, reason, space, method, key_epoch, outcome, tokens } = entry;
  const members = { time_us, actor, reason, space, method, key_epoch, outcome, tokens };
  return Buffer.from(JSON.stringify(members), 'utf8');
}

/** One JSON object a line; null: the text is no line of the log. */
export function parseAccessLine(text: string): AccessLine | null {
  try {
    const line = JSON.parse(text) as AccessLine;
    const canonical = JSON.stringify({
      entry: JSON.parse(entryBytes(line.entry).toString('utf8')),
      note: line.note,
    });
    return canonical === text && isEntry(line.entry) && typeof line.note === 'string' ? line : null;
  } catch {
    return null;
  }
}

function isEntry(entry: AccessEntry): boolean {
  const texts = [entry.actor, entry.reason, entry.space, entry.method];
  return (
    /^\d{1,18}$/.test(entry.time_us) &&
    texts.every((text) => typeof text === 'string') &&
    Number.isSafeInteger(entry.key_epoch) &&
    (entry.outcome === 'granted' || entry.outcome === 'refused') &&
    Array.isArray(entry.tokens) &&
    entry.tokens.every((token) => typeof token === 'string')
  );
}

export interface AccessLog {
  /** Durable and signed when it resolves; only then may the request be answered. */
  append(entry: AccessEntry): Promise<void>;
  /** Signs the newest head once more, by other keys: those that go on after a change. */
  signAnew(signers: readonly Signer[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the access log of an audit directory. It has a lock of its own, so that a request does not wait for the pipeline
 * that is writing the log beside it. An unfinished last line (a crash before the answer) is moved aside.
 *
 * @throws RowsealError RS-AUD-006, RS-AUD-007 when the key may not sign (any more), RS-AUD-012
 */
export async function openAccessLog(
  disk: Disk,
  directory: string,
  origin: string,
  signer: Signer,
  lock: (directory: string) => () => Promise<void>,
): Promise<AccessLog> {
  const folder = join(directory, ACCESS_FOLDER);
  await disk.makeDirectory(folder);
  await disk.syncDirectory(directory);
  const release = lock(folder);
  try {
    // Under the lock, which a change of keys takes too.
    const keys = await activeKeys(disk, directory, origin);
    requireActive(verifierKeyOf(signer, origin), keys);
    const path = join(folder, ACCESS_FILE);
    const size = (await disk.size(path)) ?? 0;
    const bytes = size === 0 ? Buffer.alloc(0) : await disk.read(path, 0, size);
    const published = await publishedHead(disk, folder);
    const { tree, last, end, note } = replay(bytes, published?.head.size ?? 0);
    if (published !== null && published.head.size > tree.size)
      throw damaged(`a head for ${published.head.size} requests was published, ${tree.size} are there`);
    // The newest head covers every line before it. After a change of keys the head file has it, not the last line.
    const newest = [note, published]
      .filter((head) => head !== null)
      .filter(({ head }) => head.size === tree.size && head.root === tree.root());
    if (note !== null && !(await someOfLog(disk, directory, keys, newest)))
      throw damaged('its newest head is signed by none of the keys of the log');
    if (end < size) {
      const quarantine = join(directory, 'quarantine');
      const number = (await disk.list(quarantine)).length;
      await quarantineTail(disk, path, end, join(quarantine, `access_${ACCESS_FILE}.from-${end}.${number}`));
    }
    // The newest line may be of a sync that failed; each one before it was durable before the next was begun.
    if (end > 0) await writeAgain(disk, path, bytes.subarray(last, end), last);
    return new FileAccessLog(disk, folder, origin, signer, release, tree, end);
  } catch (error) {
    await release();
    throw error;
  }
}

/** @param active keys that may sign now */
async function someOfLog(
  disk: Disk,
  directory: string,
  active: readonly string[],
  heads: readonly SignedHead[],
): Promise<boolean> {
  const keys = active.map((text) => parseVerifierKey(text)).filter((key) => key !== null);
  const now = keys.map((key) => new HeadVerifier(key, nodeEd25519));
  if (heads.some((head) => now.some((key) => key.signedByKey(head)))) return true;
  // By a key that was retired since: what it signed stands, and only the whole journal knows it.
  return heads.some(await followedKeys(disk, directory, keys));
}

interface Replayed {
  readonly tree: CompactRange;
  /** Where the last whole line begins. */
  readonly last: number;
  /** Bytes of whole lines. */
  readonly end: number;
  /** Head on the last line; null: there is none. */
  readonly note: SignedHead | null;
}

/** @param published requests that the head file covers: no crash tears these */
function replay(bytes: Buffer, published: number): Replayed {
  const tree = new CompactRange();
  let last = 0;
  let end = 0;
  let note: SignedHead | null = null;
  for (const { text, end: next } of linesOf(bytes)) {
    const line = parseAccessLine(text);
    if (line === null && next === bytes.length && tree.size >= published) break;
    if (line === null) throw damaged(`line ${tree.size + 1} cannot be read`);
    tree.append(leafHash(entryBytes(line.entry)));
    note = parseSignedHead(line.note);
    if (note === null || note.head.size !== tree.size || note.head.root !== tree.root())
      throw damaged(`the head on line ${tree.size} does not fit`);
    last = end;
    end = next;
  }
  return { tree, last, end, note };
}

/** Whole lines. One that is no UTF-8 is empty, which no line of the log is. */
export function linesOf(bytes: Buffer): readonly { readonly text: string; readonly end: number }[] {
  const lines: { text: string; end: number }[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) return lines;
    lines.push({ text: strictUtf8(bytes.subarray(at, end)) ?? '', end: end + 1 });
    at = end + 1;
  }
}

/** Requests and heads as they stand there; whether they are genuine says `audit verify`. */
export async function readAccessLines(disk: Disk, directory: string): Promise<readonly AccessLine[]> {
  const path = join(directory, ACCESS_FOLDER, ACCESS_FILE);
  const size = await disk.size(path);
  const bytes = size === null ? Buffer.alloc(0) : await disk.read(path, 0, size);
  return linesOf(bytes)
    .map(({ text }) => parseAccessLine(text))
    .filter((line) => line !== null);
}

async function publishedHead(disk: Disk, folder: string): Promise<SignedHead | null> {
  const path = join(folder, 'head');
  const size = await disk.size(path);
  if (size === null) return null;
  const head = parseSignedHead((await disk.read(path, 0, size)).toString('utf8'));
  if (head === null) throw damaged('its head file is not a signed head');
  return head;
}

class FileAccessLog implements AccessLog {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #origin: string;
  readonly #signer: Signer;
  readonly #release: () => Promise<void>;
  readonly #tree: CompactRange;
  #end: number;
  /** While an append is under way, and for good when it failed: what the file holds is then unknown. */
  #dead = false;

  constructor(
    disk: Disk,
    folder: string,
    origin: string,
    signer: Signer,
    release: () => Promise<void>,
    tree: CompactRange,
    end: number,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#origin = origin;
    this.#signer = signer;
    this.#release = release;
    this.#tree = tree;
    this.#end = end;
  }

  async append(entry: AccessEntry): Promise<void> {
    if (this.#dead) throw damaged('a write failed before');
    this.#dead = true;
    const bytes = entryBytes(entry);
    this.#tree.append(leafHash(bytes));
    const note = await signHead(this.#head(), this.#origin, [this.#signer]);
    const line = Buffer.from(
      `${JSON.stringify({ entry: JSON.parse(bytes.toString('utf8')), note })}\n`,
      'utf8',
    );
    const file = await this.#disk.open(join(this.#folder, ACCESS_FILE));
    try {
      await file.write([line], this.#end);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncDirectory(this.#folder);
    this.#end += line.length;
    await this.#publish(note);
    this.#dead = false;
  }

  async signAnew(signers: readonly Signer[]): Promise<void> {
    if (this.#tree.size > 0) await this.#publish(await signHead(this.#head(), this.#origin, signers));
  }

  close(): Promise<void> {
    return this.#release();
  }

  #head(): TreeHead {
    return { origin: accessOrigin(this.#origin), size: this.#tree.size, root: this.#tree.root() };
  }

  #publish(note: string): Promise<void> {
    return replaceFile(this.#disk, join(this.#folder, 'head'), Buffer.from(note, 'utf8'));
  }
}

function damaged(detail: string): RowsealError {
  return new RowsealError('RS-AUD-012', { detail });
}
