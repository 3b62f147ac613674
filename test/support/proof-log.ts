import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Disclosure } from '../../src/audit/disclosure/disclosure.ts';
import type { Disk } from '../../src/audit/disk.ts';
import { nodeEd25519 } from '../../src/audit/ed25519/node-ed25519.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { parseVerifierKey } from '../../src/audit/note.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import type { IndexSpacing } from '../../src/audit/row-index/row-index.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { HeadVerifier } from '../../src/audit/verify/signature.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import type { MaskedEvent } from '../../src/model/masked.ts';
import { at, begin, column, INT, type Row, rows, table, UNCHANGED } from './masked.ts';

export const PROOF_ORIGIN = 'rowseal/proofs';
const signer = parseSigningKey(generateSigningKeyFile());
export const PROOF_KEY = verifierKeyOf(signer, PROOF_ORIGIN);

export function proofVerifier(key = PROOF_KEY): HeadVerifier {
  return new HeadVerifier(parseVerifierKey(key)!, nodeEd25519);
}

export const people = table('people', [column('id', 1, INT), column('email', 2), column('city', 3)]);
export const orders = table('orders', [column('id', 1, INT), column('note', 2)]);

/** As support/masked.ts tags rows: by the key itself. */
export function tagOf(id: number | string): string {
  return Buffer.from(String(id).padEnd(16).slice(0, 16), 'latin1').toString('hex');
}

export interface ProofLogOptions {
  readonly seed: number;
  readonly groups: number;
  readonly disclosure?: Disclosure;
  readonly indexSpacing?: IndexSpacing;
  readonly segmentMaxBytes?: number;
  readonly disk?: Disk;
  /** People whose images are erased in the middle. */
  readonly erase?: readonly number[];
}

/** A log with everything that a row can meet: updates, new keys, deletes, truncates, copies, other tables, erasures. */
export async function writeProofLog(directory: string, options: ProofLogOptions): Promise<void> {
  const random = seededRandom(options.seed);
  const int = (below: number): number => Math.floor(random() * below);
  const disk = options.disk ?? new NodeDisk();
  const open = () =>
    openAuditLog({
      directory,
      origin: PROOF_ORIGIN,
      signer,
      disk,
      lock: () => async () => {},
      segmentMaxBytes: options.segmentMaxBytes ?? 6_000,
      headIntervalMs: 0,
      indexSpacing: options.indexSpacing ?? [9, 40],
      disclosure: () => options.disclosure ?? 'row',
      nowUs: () => 1_764_000_000_000_000n,
    });
  let { log } = await open();
  for (let n = 0; n < options.groups; n++) {
    const events: MaskedEvent[] = [begin(n * 10 + 1)];
    let ordinal = 0;
    const list: Row[] = Array.from({ length: 1 + int(7) }, (): Row => {
      const id = String(int(25));
      const cells = [id, `tok_${int(1e6)}`, ['Cork', 'Galway', 'Žilina'][int(3)]!];
      switch (int(20)) {
        case 0:
          return { op: 'c', after: cells };
        case 1:
          return { op: 'd', before: [id, UNCHANGED, UNCHANGED] };
        case 2:
          return { op: 'u', before: [String(int(25)), UNCHANGED, UNCHANGED], after: cells };
        case 3:
        case 4:
          return { op: 'u', before: [id, 'tok_before', null], after: cells };
        case 5:
        case 6:
        case 7:
        case 8:
          return { op: 'c', after: cells };
        default:
          return { op: 'u', after: [id, UNCHANGED, cells[2]!] };
      }
    });
    if (int(12) === 0) {
      events.push({ kind: 'truncate', table: people, cascade: false, restartIdentity: false });
      ordinal++;
    }
    events.push(rows(people, ordinal, list));
    ordinal += list.length;
    if (int(2) === 0) events.push(rows(orders, ordinal, [{ op: 'c', after: [String(n), 'new'] }]));
    const group = log.begin();
    await group.append(events);
    await group.seal(at(n * 10 + 5));
    if (n === Math.floor(options.groups / 2) && options.erase !== undefined) {
      await log.close();
      ({ log } = await open());
      for (const id of options.erase)
        await eraseRow(disk, directory, log, {
          table: tableDirectory(people),
          tags: [tagOf(id)],
          actor: 'dpo@example.com',
          reason: `request ${id}`,
        });
    }
  }
  await log.close();
}

export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'rowseal-proofs-'));
  try {
    return await use(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
