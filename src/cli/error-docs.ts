import { errorCodes } from '../error/codes.ts';

/** docs/errors.md, from the table of codes; `npm run docs` writes it, a test holds it current. */
export function errorDocs(): string {
  const entries = Object.entries(errorCodes).map(
    ([code, entry]) =>
      `## ${code}: ${entry.title}\n\nKind: ${entry.kind}. ${entry.explain}\n\n**Fix:** ${entry.fix}\n`,
  );
  return `# Errors\n\nGenerated from the code. \`rowseal explain CODE\` prints the same.\n\n${entries.join('\n')}`;
}
