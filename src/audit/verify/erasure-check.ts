import { parseErasure } from '../erased.ts';
import type { AuditRecord } from '../record.ts';
import { tagsOf } from '../table-records.ts';
import type { Findings } from './report.ts';

interface Place {
  readonly file: string;
  readonly offset: number;
  readonly table: string;
  readonly seq: number;
}

interface MetImage {
  readonly place: Place;
  readonly tags: readonly string[];
  excused: boolean;
}

/**
 * docs/audit-format.md §5.1: an image may be gone only where an erasure record later in the same log names its row, and must
 * be gone there. Only records that the walk over the log has verified excuse anything: a record that somebody
 * appended behind the last sealed group does not.
 */
export class ErasureCheck {
  readonly #findings: Findings;
  /** Read ahead, and believed only as to which rows to watch: row-key tags that some erasure record names. */
  #announced: ReadonlySet<string> = new Set();
  readonly #gone: MetImage[] = [];
  readonly #goneByTag = new Map<string, MetImage[]>();
  readonly #keptByTag = new Map<string, MetImage[]>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Read ahead, among the sealed records. */
  announce(tags: Iterable<string>): void {
    this.#announced = new Set(tags);
  }

  /** Some erasure record names rows whose images must be gone. */
  get watching(): boolean {
    return this.#announced.size > 0;
  }

  gone(record: AuditRecord, place: Place): void {
    const image = { place, tags: tagsOf(record), excused: false };
    this.#gone.push(image);
    for (const tag of image.tags) push(this.#goneByTag, tag, image);
  }

  kept(record: AuditRecord, place: Place): void {
    if (this.#announced.size === 0) return;
    const image = { place, tags: tagsOf(record), excused: false };
    for (const tag of image.tags) if (this.#announced.has(tag)) push(this.#keptByTag, tag, image);
  }

  /** An erasure record that is in its place in the chain. @throws MalformedBytes */
  recorded(record: AuditRecord): void {
    this.#findings.erasures++;
    for (const tag of parseErasure(record.payload).tags) {
      for (const image of this.#goneByTag.get(tag) ?? []) {
        if (!image.excused) this.#findings.erased++;
        image.excused = true;
      }
      for (const image of this.#keptByTag.get(tag) ?? []) {
        if (!image.excused)
          this.#findings.add(
            'RS-AUD-028',
            'an erasure was recorded, and the row image is still there',
            image.place,
          );
        image.excused = true;
      }
      this.#goneByTag.delete(tag);
      this.#keptByTag.delete(tag);
    }
  }

  /** Images are gone, and no record that was met says so. To be asked after the last sealed record. */
  get unexplained(): boolean {
    return this.#gone.some(({ excused }) => !excused);
  }

  /**
   * After the last sealed record.
   *
   * @param wentSince whether groups that were sealed since the journal was read name the image
   */
  finish(wentSince: (seq: number, tags: readonly string[]) => boolean): void {
    const left = this.#gone.filter(({ excused }) => !excused);
    const [since] = left.filter(({ place, tags }) => wentSince(place.seq, tags));
    if (since !== undefined)
      this.#findings.add('RS-AUD-036', 'row images went by a group that was sealed meanwhile', since.place);
    for (const { place, tags } of left)
      if (!wentSince(place.seq, tags))
        this.#findings.add('RS-AUD-020', 'a row image is gone, and no erasure record says so', place);
  }
}

function push(map: Map<string, MetImage[]>, tag: string, image: MetImage): void {
  const list = map.get(tag);
  if (list === undefined) map.set(tag, [image]);
  else list.push(image);
}
