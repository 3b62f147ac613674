/** Columns of the terminal; where there is none, what fits a page. */
export function outputWidth(): number {
  return Math.max(60, Math.min(process.stdout.columns ?? 100, 140));
}

/** Text for one line of a terminal: what could move the cursor or change colours is spelt out. */
export function oneLine(text: string): string {
  return text
    .replace(/\n/g, '\\n')
    .replace(
      /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

/** Characters that take two columns (East Asian wide and fullwidth, emoji); marks take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/gu;

/** Columns of a terminal that a text takes. */
export function lengthOf(text: string): number {
  const marks = text.match(/[\p{Mn}\u200b-\u200d]/gu)?.length ?? 0;
  return [...text].length + (text.match(WIDE)?.length ?? 0) - marks;
}

/** Cut in the middle of nothing: the end is replaced by `…`. */
export function cut(text: string, width: number): string {
  if (lengthOf(text) <= width) return text;
  const characters = [...text].slice(0, Math.max(0, width - 1));
  while (characters.length > 0 && lengthOf(characters.join('')) > width - 1) characters.pop();
  return `${characters.join('')}…`;
}

/** Longer texts stay as they are. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}

/** Words of a text on lines of a width; following lines are indented alike. */
export function wrapped(text: string, width: number, indent: number): string {
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
}

export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}

/** A row of a Markdown table. */
export function markdownRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => oneLine(cell).replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
}
