import { DROPPED, type MaskedCell, UNCHANGED } from '../../model/cell.ts';
import type { Hidden, ProofReport, ProvenEvent, ShownCells } from './report.ts';

/** One step in the life of a row, ready to be shown: only what is known of it. */
export interface LifeStep {
  readonly seq: number;
  readonly title: string;
  /** ISO 8601 with microseconds, UTC; null: the record has no time. */
  readonly time: string | null;
  /** Transaction and place in the source. */
  readonly origin: string;
  readonly columns: readonly ColumnStep[];
  /** Words about what cannot be shown, or who had it taken away. */
  readonly remarks: readonly string[];
  /** The version in force at the moment asked about. */
  readonly asked: boolean;
}

export type ColumnStep =
  | { readonly name: string; readonly method: string; readonly kind: 'set'; readonly to: string }
  | {
      readonly name: string;
      readonly method: string;
      readonly kind: 'changed';
      readonly from: string;
      readonly to: string;
    }
  | { readonly name: string; readonly method: string; readonly kind: 'unchanged' | 'hidden' };

const TITLES = { c: 'created', u: 'updated', d: 'deleted', r: 'copied', t: 'truncated' } as const;

/** What became of a row, record by record: per column what it became, and from what. */
export function rowLife(report: ProofReport): readonly LifeStep[] {
  /** By name: what a column held last, as far as it was shown. */
  const held = new Map<string, string>();
  return report.versions.map((event) => {
    const columns = columnSteps(event, held);
    if (event.op === 'd' || event.kind === 'truncate') held.clear();
    return {
      seq: event.seq,
      title: titleOf(event),
      time: event.commitTimeUs === 0n ? null : isoOfUs(event.commitTimeUs),
      // The place alone: server, timeline and slot are the same for the whole proof as a rule.
      origin: [
        event.transaction === '' ? '' : `tx ${event.transaction}`,
        event.position.replace(/ \(.*$/, ''),
      ]
        .filter((part) => part !== '')
        .join(' at '),
      columns,
      remarks: remarksOf(event),
      asked: report.at !== null && report.at.seq === event.seq,
    };
  });
}

export function isoOfUs(us: bigint): string {
  const milliseconds = us / 1000n - (us % 1000n < 0n ? 1n : 0n);
  const rest = us - milliseconds * 1000n;
  return new Date(Number(milliseconds)).toISOString().replace('Z', `${String(rest).padStart(3, '0')}Z`);
}

function titleOf(event: ProvenEvent): string {
  switch (event.kind) {
    case 'change':
      return `${TITLES[event.op ?? 'u']}${event.keyChanged ? ', under a new key' : ''}`;
    case 'truncate':
      return 'table truncated';
    case 'copy begins':
      return 'copy of the table begins: what was copied before is void';
    case 'copy ends':
      return 'copy of the table ends';
    case 'erasure':
      return 'row images erased';
    case 'expiry':
      return 'row images expired';
    case 'other':
      return 'other record';
  }
}

function columnSteps(event: ProvenEvent, held: Map<string, string>): readonly ColumnStep[] {
  const shown = event.after.kind === 'cells' ? event.after : event.before;
  if (shown.kind !== 'cells') {
    if (event.kind === 'change') held.clear();
    return [];
  }
  const before = event.before.kind === 'cells' && event.after.kind === 'cells' ? event.before.cells : null;
  return event.columns.flatMap(({ name, method }, i): readonly ColumnStep[] => {
    const now = shown.cells[i]!;
    const was = before === null ? undefined : before[i];
    if (was !== undefined && isValue(was)) held.set(name, textOf(was));
    if (now === DROPPED) return [];
    if (isHidden(now)) return [{ name, method, kind: 'hidden' }];
    if (now === UNCHANGED) return [{ name, method, kind: 'unchanged' }];
    const to = textOf(now);
    const from = held.get(name);
    held.set(name, to);
    if (from === undefined) return [{ name, method, kind: 'set', to }];
    return [from === to ? { name, method, kind: 'unchanged' } : { name, method, kind: 'changed', from, to }];
  });
}

function remarksOf(event: ProvenEvent): readonly string[] {
  const remarks: string[] = [];
  const lacks = (shown: ShownCells, kind: 'gone' | 'withheld'): boolean => shown.kind === kind;
  if (lacks(event.before, 'gone') || lacks(event.after, 'gone'))
    remarks.push('the row image is gone; its hash and this record are not');
  if (lacks(event.before, 'withheld') || lacks(event.after, 'withheld'))
    remarks.push('the prover does not show the row image');
  if (event.said !== null) remarks.push(event.said);
  return remarks;
}

function isValue(cell: MaskedCell | Hidden): cell is string | null {
  return typeof cell === 'string' || cell === null;
}

function isHidden(cell: MaskedCell | Hidden): cell is Hidden {
  return typeof cell === 'object' && cell !== null;
}

/** A null is not the text `null`: that one is quoted. */
function textOf(cell: string | null): string {
  if (cell === null) return 'null';
  return cell === 'null' || cell === '' || cell.startsWith("'") ? `'${cell}'` : cell;
}
