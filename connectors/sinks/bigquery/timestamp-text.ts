/** `2026-01-02 03:04:05.000006+00` of microseconds since 1970-01-01 UTC. */
export function timestampText(microseconds: bigint): string {
  // Date counts in milliseconds; the six digits behind the second come from the number itself.
  const fraction = ((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = Number((microseconds - fraction) / 1_000_000n);
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${String(fraction).padStart(6, '0')}+00`;
}
