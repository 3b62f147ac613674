import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject as VitestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** File to which every contract suite adds its outcomes, a JSON line each. */
    readonly sinkContractReport: string;
  }
}

interface Outcome {
  readonly sink: string;
  readonly law: string;
  readonly outcome: string;
}

/** After all tests: the table sink × case. */
export default function collect(project: VitestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'rowseal-contract-'));
  const file = join(directory, 'outcomes');
  project.provide('sinkContractReport', file);
  return () => {
    if (existsSync(file)) {
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      console.log(`\n${contractTable(lines.map((line) => JSON.parse(line) as Outcome))}\n`);
    }
    rmSync(directory, { recursive: true, force: true });
  };
}

function contractTable(outcomes: readonly Outcome[]): string {
  const sinks = [...new Set(outcomes.map(({ sink }) => sink))].sort();
  const laws = [...new Set(outcomes.map(({ law }) => law))];
  const cell = (sink: string, law: string): string =>
    outcomes.findLast((one) => one.sink === sink && one.law === law)?.outcome ?? '–';
  const rows = [['case', ...sinks], ...laws.map((law) => [law, ...sinks.map((sink) => cell(sink, law))])];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}
