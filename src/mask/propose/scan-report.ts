import { displayName } from '../../model/table.ts';
import type { ClassFinding, ColumnScan, ScannedPlace } from '../detect/column-scan.ts';
import type { ScannedTable } from './policy-proposal.ts';
import type { ColumnStanding, Standing } from './policy-standing.ts';

/** A finding, and what the policy does about it. No values. */
export interface ReportedFinding extends ClassFinding {
  readonly table: string;
  readonly column: string;
  /** Place in the documents of the column; null: the column itself. */
  readonly path: string | null;
  /** As the source spells it. */
  readonly type: string;
  /** null: there is no policy. `accepted`: kept, and named under mask.leak_guard.except. */
  readonly standing: Standing | 'accepted' | null;
  readonly method: string | null;
  /** Personal enough, and open: what `--fail-on-finding` fails on. */
  readonly open: boolean;
}

export interface ReportedTable {
  readonly table: string;
  readonly estimatedRows: number | null;
  readonly rows: number;
  /** Every row was read, so that the sample is the table. */
  readonly whole: boolean;
  readonly columns: number;
  readonly findings: readonly ReportedFinding[];
  /** Columns that the policy does not decide. */
  readonly undecided: readonly string[];
}

export interface ScanReport {
  readonly tables: readonly ReportedTable[];
  readonly columns: number;
  /** Columns with a finding that is likely enough. */
  readonly personal: number;
  /** Of those, by what the policy does with the place of theirs that is open most. */
  readonly masked: number;
  readonly kept: number;
  readonly accepted: number;
  readonly undecidedPersonal: number;
  /** All columns that the policy does not decide, personal or not. */
  readonly undecided: readonly string[];
  readonly open: readonly ReportedFinding[];
}

/** How the scanned columns stand under a policy. */
export interface PolicyView {
  /** One a column of the table. */
  standings(table: ScannedTable): readonly ColumnStanding[];
  /** `namespace.table.column` that may hold what looks personal. */
  readonly accepted: ReadonlySet<string>;
}

/** Tables of fewer rows than this are read from the beginning, not sampled (Source.sample). */
const SAMPLED_FROM_ROWS = 10_000;

/**
 * @param likely confidence from which on a finding counts
 * @param sampleRows rows that were asked for
 */
export function reportScan(
  tables: readonly ScannedTable[],
  policy: PolicyView | null,
  likely: number,
  sampleRows: number,
): ScanReport {
  const reported = tables.map((scanned): ReportedTable => {
    const standings = policy?.standings(scanned) ?? null;
    const table = displayName(scanned.table);
    const findings = scanned.columns.flatMap((scan, index) =>
      findingsOf(table, scan, standings?.[index] ?? null, policy?.accepted ?? new Set(), likely),
    );
    const undecided =
      standings === null
        ? []
        : scanned.columns.filter((_, index) => standings[index]!.standing === 'undecided');
    return {
      table,
      estimatedRows: scanned.estimatedRows,
      rows: scanned.rows,
      whole: scanned.rows < sampleRows && (scanned.estimatedRows ?? 0) < SAMPLED_FROM_ROWS,
      columns: scanned.columns.length,
      findings,
      undecided: undecided.map(({ column }) => `${table}.${column.name}`),
    };
  });
  const worst = new Map<string, NonNullable<ReportedFinding['standing']> | 'found'>();
  for (const finding of reported.flatMap(({ findings }) => findings)) {
    if (!isPersonal(finding, likely)) continue;
    const name = `${finding.table}.${finding.column}`;
    const standing = finding.standing ?? 'found';
    if (SEVERITY.indexOf(standing) > SEVERITY.indexOf(worst.get(name) ?? 'found')) worst.set(name, standing);
    else if (!worst.has(name)) worst.set(name, standing);
  }
  const count = (wanted: Standing | 'accepted'): number =>
    [...worst.values()].filter((standing) => standing === wanted).length;
  return {
    tables: reported,
    columns: reported.reduce((sum, { columns }) => sum + columns, 0),
    personal: worst.size,
    masked: count('masked'),
    kept: count('kept'),
    accepted: count('accepted'),
    undecidedPersonal: count('undecided'),
    undecided: reported.flatMap(({ undecided }) => undecided),
    open: reported.flatMap(({ findings }) => findings.filter(({ open }) => open)),
  };
}

/** A column stands as its worst place does. */
const SEVERITY = ['found', 'masked', 'accepted', 'kept', 'undecided'] as const;

function findingsOf(
  table: string,
  scan: ColumnScan,
  standing: ColumnStanding | null,
  accepted: ReadonlySet<string>,
  likely: number,
): readonly ReportedFinding[] {
  const places: readonly ScannedPlace[] = [scan, ...scan.places];
  return places.flatMap(({ path, findings }) => {
    const at = standing === null ? null : path === null ? standing : standing.at(path);
    const isAccepted = at?.standing === 'kept' && accepted.has(`${table}.${scan.column.name}`);
    return findings.map((finding): ReportedFinding => {
      const settled = at?.standing === 'masked' || isAccepted;
      return {
        ...finding,
        table,
        column: scan.column.name,
        path,
        type: scan.column.sourceType,
        standing: isAccepted ? 'accepted' : (at?.standing ?? null),
        method: at?.method ?? null,
        open: !settled && isPersonal(finding, likely),
      };
    });
  });
}

/** Free text counts when something was found inside: that texts are long is no finding about people. */
function isPersonal(finding: ClassFinding, likely: number): boolean {
  return finding.confidence >= likely && (finding.class !== 'free_text' || finding.contains.length > 0);
}
