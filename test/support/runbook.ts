/** One thing that a reader of a runbook does. */
export type Step =
  | { readonly kind: 'sh'; readonly line: string; readonly exitCode: number; readonly section: string }
  | { readonly kind: 'sql'; readonly text: string; readonly section: string }
  | { readonly kind: 'edit'; readonly diff: readonly string[]; readonly section: string }
  | { readonly kind: 'run'; readonly wanted: 'started' | 'stopped'; readonly section: string };

/**
 * What a page of runbooks has its reader do, in order: commands (` ```sh `, one a line, `# exit code N` behind it), statements at the
 * source (` ```sql `), edits of the configuration (` ```diff `), and comments `<!-- run: started -->` where the text asks for it.
 */
export function stepsOf(markdown: string): readonly Step[] {
  const steps: Step[] = [];
  let section = '';
  let fence: { readonly language: string; readonly lines: string[] } | null = null;
  for (const line of markdown.split('\n')) {
    const mark = /^```(\w*)$/.exec(line);
    if (fence !== null) {
      if (mark === null) fence.lines.push(line);
      else {
        steps.push(...inFence(fence.language, fence.lines, section));
        fence = null;
      }
      continue;
    }
    if (mark !== null) fence = { language: mark[1]!, lines: [] };
    const wanted = /^<!-- run: (started|stopped) -->$/.exec(line)?.[1];
    if (wanted !== undefined) steps.push({ kind: 'run', wanted: wanted as 'started' | 'stopped', section });
    section = /^## (.+)$/.exec(line)?.[1] ?? section;
  }
  return steps;
}

function inFence(language: string, lines: readonly string[], section: string): readonly Step[] {
  switch (language) {
    case 'sh':
      return lines.map((line) => ({
        kind: 'sh',
        line,
        exitCode: Number(/# exit code (\d+)/.exec(line)?.[1] ?? 0),
        section,
      }));
    case 'sql':
      return [{ kind: 'sql', text: lines.join('\n'), section }];
    case 'diff':
      return [{ kind: 'edit', diff: lines, section }];
    default:
      throw new Error(`a runbook has a fence of ${language}`);
  }
}

/** @throws Error when the lines that should be there are not, in one piece and once */
export function applyDiff(text: string, diff: readonly string[]): string {
  const of = (marks: string): string =>
    diff
      .filter((line) => marks.includes(line[0]!))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const before = of(' -');
  if (text.split(before).length !== 2) throw new Error(`the configuration does not have, once:\n${before}`);
  return text.replace(before, () => of(' +'));
}
