import type { ColumnScan, ScannedPlace } from '../detect/column-scan.ts';
import type { ColumnRule, JsonPathRule } from '../policy-document.ts';
import { REDACT } from '../preset/preset.ts';

/** Fewer documents do not tell which names are fields and which are data. */
const DOCUMENTS_MIN = 5;
const PATHS_MAX = 200;

export interface DeniedPlace {
  readonly path: string;
  readonly why: string;
}

/**
 * A rule for a column of documents: the places that are known, each with its own; all others are denied.
 *
 * @param ruleOf null: the place is left out
 * @param fits whether the whole rule fits the column
 */
export function proposeDocument(
  scan: ColumnScan,
  ruleOf: (place: ScannedPlace) => { readonly rule: ColumnRule | null; readonly why: string },
  fits: (rule: ColumnRule) => boolean,
): { readonly rule: ColumnRule; readonly why: string; readonly denied?: readonly DeniedPlace[] } {
  const documents = scan.documents ?? 0;
  if (documents < DOCUMENTS_MIN)
    return {
      rule: REDACT,
      why: `${documents === 0 ? 'no' : `only ${documents}`} documents were seen: too few to know their fields`,
    };
  const paths: JsonPathRule[] = [];
  const denied: DeniedPlace[] = [];
  for (const place of scan.places) {
    const path = place.path ?? '$';
    const { rule, why } = decide(place, ruleOf);
    if (rule === null || paths.length >= PATHS_MAX) denied.push({ path, why });
    else paths.push({ path, rule });
  }
  const rule: ColumnRule = { kind: 'method', method: { method: 'json', paths, otherwise: 'redact' } };
  if (paths.length === 0 || !fits(rule))
    return { rule: REDACT, why: 'documents without a place that is known to be harmless', denied };
  return { rule, why: `${documents} documents; places without a rule are left out`, denied };
}

function decide(
  place: ScannedPlace,
  ruleOf: (place: ScannedPlace) => { readonly rule: ColumnRule | null; readonly why: string },
): { readonly rule: ColumnRule | null; readonly why: string } {
  if (place.path?.includes('.*') === true)
    return { rule: null, why: 'names of members that vary, and may be values' };
  // A rule at a place covers all below it.
  if (place.mixed) return { rule: null, why: 'objects or lists stand here too' };
  return ruleOf(place);
}
