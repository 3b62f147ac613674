import { existsSync, globSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { isMap, isScalar } from 'yaml';
import { RowsealError } from '../error/rowseal-error.ts';
import type { FixtureFile } from '../mask/review/fixture.ts';
import type { FileResult, Update } from '../mask/review/fixture-run.ts';
import { readDocument } from './document.ts';
import { FIXTURE_CODES, fixtureSchema, parseFixtures } from './fixture.ts';
import { readText } from './load.ts';

/** Beside the configuration: `*.fixtures.yaml`, and everything in `fixtures/`. */
const DEFAULT_PATTERNS = ['*.fixtures.yaml', '*.fixtures.yml', 'fixtures/**/*.yaml', 'fixtures/**/*.yml'];

/**
 * The files that names and patterns stand for; without any, those beside the configuration.
 *
 * @throws RowsealError RS-MASK-030 when a name or pattern stands for nothing
 */
export function fixtureFiles(given: readonly string[], configFile: string): readonly string[] {
  if (given.length > 0) {
    return unique(
      given.flatMap((pattern) => {
        if (existsSync(pattern)) return [pattern];
        const found = globSync(pattern);
        if (found.length > 0) return found.sort();
        throw new RowsealError('RS-MASK-030', {
          detail: `no file \`${pattern}\``,
          fix: 'name a file, or quote the pattern',
        });
      }),
    );
  }
  const base = dirname(configFile);
  const found = DEFAULT_PATTERNS.flatMap((pattern) => globSync(pattern, { cwd: base }));
  if (found.length === 0) {
    throw new RowsealError('RS-MASK-030', {
      detail: `no \`*.fixtures.yaml\` and no \`fixtures/*.yaml\` beside ${configFile}`,
      fix: 'write one (docs/mask-testing.md has an example), or name the files',
    });
  }
  return unique(found.map((name) => relative('.', join(base, name))).sort());
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}

/** @throws RowsealError RS-CFG-001, RS-MASK-030 */
export function loadFixtures(file: string): FixtureFile {
  return parseFixtures(readText(file, 'RS-CFG-001'), file);
}

/**
 * Writes what the policy makes now where nothing was expected yet, and with `overwrite` also over exact values that do not
 * hold. Checks other than exact values are never touched, and comments stay.
 *
 * @returns how many expectations were written
 */
export function updateFixtures(result: FileResult, overwrite: boolean): number {
  const { document } = readDocument(
    readText(result.file, 'RS-CFG-001'),
    result.file,
    fixtureSchema,
    FIXTURE_CODES,
    () => ({ tables: {} }),
  );
  let written = 0;
  for (const { table, cases } of result.tables) {
    for (const { number, updates } of cases) {
      for (const update of updates.filter(({ kind }) => kind === 'open' || overwrite)) {
        const expect = ['tables', table, 'cases', number - 1, 'expect'];
        if (!isMap(document.getIn(expect, true))) document.setIn(expect, document.createNode({}));
        const place = placeOf(document.getIn([...expect, update.column], true), update);
        document.setIn([...expect, ...place], document.createNode(update.expectation, { flow: true }));
        written++;
      }
    }
  }
  if (written > 0)
    writeFileSync(result.file, document.toString({ lineWidth: 0, flowCollectionPadding: true }));
  return written;
}

/** Beside other checks only the exact value is replaced. */
function placeOf(node: unknown, { column, expectation }: Update): string[] {
  const besideOthers =
    isMap(node) && !isScalar(node) && (typeof expectation === 'string' || expectation === null);
  return besideOthers ? [column, 'value'] : [column];
}
