/**
 * One Prometheus text of several: the lines of a family together behind one HELP and one TYPE, as the format demands. The
 * series of each already carry the label that tells them apart.
 */
export function mergeExpositions(texts: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly series: string[] }>();
  for (const text of texts) {
    let family: { head: string[]; series: string[] } | null = null;
    let known = false;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [, word, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (word === undefined || name === undefined) {
        family?.series.push(line);
        continue;
      }
      if (word === 'HELP') {
        known = families.has(name);
        family = families.get(name) ?? { head: [], series: [] };
        families.set(name, family);
      }
      if (!known) family?.head.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ head, series }) => [...head, ...series]);
  return `${lines.join('\n')}\n`;
}
