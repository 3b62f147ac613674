import type { DataClass } from './data-class.ts';
import { valueDetectors } from './value-detector.ts';

/** What sampled values of a column are, by the detector with the best standing; null: nothing that is known. */
export function classOfValues(
  values: readonly string[],
): { readonly class: DataClass; readonly confidence: number } | null {
  const trimmed = values.map((value) => value.trim()).filter((value) => value !== '');
  if (trimmed.length === 0) return null;
  let best: { readonly class: DataClass; readonly confidence: number } | null = null;
  for (const detector of valueDetectors) {
    const matching = trimmed.filter((value) => detector.matches(value));
    const share = matching.length / trimmed.length;
    if (share < detector.share || new Set(matching).size < detector.distinct) continue;
    const confidence = detector.strength * Math.min(1, 0.5 + share / 2);
    if (best === null || confidence > best.confidence) best = { class: detector.class, confidence };
  }
  return best;
}
