let last: { readonly micros: string | null; readonly text: string | null } = { micros: null, text: null };

/** Microseconds since 1970-01-01 UTC as a timestamptz. The rows of a transaction have one time: the last is remembered. */
export function timestampText(micros: string | null): string | null {
  if (micros === null) return null;
  if (last.micros !== micros) last = { micros, text: format(BigInt(micros)) };
  return last.text;
}

function format(micros: bigint): string {
  const millis = micros / 1000n - (micros % 1000n < 0n ? 1n : 0n);
  const rest = micros - millis * 1000n;
  const [day, time] = new Date(Number(millis)).toISOString().split('T') as [string, string];
  return `${day} ${time.slice(0, -1)}${String(rest).padStart(3, '0')}+00`;
}
