/**
 * 16 bytes as MariaDB prints INET6: the first longest run of zero groups becomes `::`, also a single one (RFC 5952
 * would keep that); IPv4 in IPv6 ends in dots.
 */
export function inet6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  const { from, length } = longestZeros(groups);
  const parts = groups.map((group) => group.toString(16));
  // ::a.b.c.d (compatible) and ::ffff:a.b.c.d (mapped), as inet_ntop writes them.
  const embeds = from === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  if (embeds) return `::${length === 5 ? 'ffff:' : ''}${inet4Text(bytes.subarray(12))}`;
  if (length === 0) return parts.join(':');
  return `${parts.slice(0, from).join(':')}::${parts.slice(from + length).join(':')}`;
}

export function inet4Text(bytes: Uint8Array): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

function longestZeros(groups: readonly number[]): { readonly from: number; readonly length: number } {
  let best = { from: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best.length) best = { from: i, length: end - i };
  }
  return best;
}
