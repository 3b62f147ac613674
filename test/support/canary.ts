import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Every spelling in which a value could have slipped out. */
export function spellings(mark: string): readonly Buffer[] {
  const utf8 = Buffer.from(mark, 'utf8');
  const base64 = utf8.toString('base64').replace(/=+$/, '').slice(0, -2);
  const found = [
    utf8,
    Buffer.from(utf8.toString('hex')),
    Buffer.from(utf8.toString('hex').toUpperCase()),
    Buffer.from(base64),
    Buffer.from(mark, 'utf16le'),
    Buffer.from(JSON.stringify(mark).slice(1, -1)),
    Buffer.from(encodeURIComponent(mark)),
  ];
  if (/^-?\d{12,18}$/.test(mark)) {
    const number = Buffer.alloc(8);
    number.writeBigInt64LE(BigInt(mark));
    found.push(number, Buffer.from(number).reverse());
  }
  if (/^[0-9a-f]{8}-/.test(mark)) found.push(Buffer.from(mark.replaceAll('-', ''), 'hex'));
  return found;
}

/** By name: what commands printed, and every file below a directory. */
export async function haystacksOf(
  directory: string,
  outputs: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const haystacks = new Map(outputs.map((text, i) => [`output ${i}`, Buffer.from(text, 'utf8')]));
  for (const name of await readdir(directory, { recursive: true })) {
    const file = join(directory, name);
    if ((await stat(file)).isFile()) haystacks.set(name, await readFile(file));
  }
  return haystacks;
}

/** Where marks turned up. */
export function search(haystacks: ReadonlyMap<string, Buffer>, marks: Iterable<string>): readonly string[] {
  const found: string[] = [];
  for (const mark of marks) {
    for (const needle of spellings(mark))
      for (const [name, hay] of haystacks)
        if (hay.includes(needle)) found.push(`${name}: ${mark} as ${needle.toString('latin1')}`);
  }
  return found;
}
