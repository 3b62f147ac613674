import type { TestProject as VitestProject } from 'vitest/node';
import { MYSQL_RELEASES, type MysqlRelease, probeMysql } from './mysql.ts';
import { type PostgresMajor, startPostgres } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgresMajors: readonly PostgresMajor[];
    readonly mysqlReleases: readonly MysqlRelease[];
  }
}

const MAJORS: readonly PostgresMajor[] =
  process.env['ROWSEAL_TEST_SERVERS'] === 'containers' ? [14, 15, 16, 17, 18] : [15, 16, 17, 18];

/**
 * Before all tests: which servers can be had here. A test that needs another one is skipped, and this says so; where
 * ROWSEAL_REQUIRE_SERVERS is set (CI) it is a failure instead.
 */
export default async function probe(project: VitestProject): Promise<void> {
  project.provide(
    'postgresMajors',
    await available('PostgreSQL', MAJORS, async (major) => (await startPostgres(major)).stop()),
  );
  project.provide('mysqlReleases', await available('server', MYSQL_RELEASES, probeMysql));
}

async function available<T extends string | number>(
  kind: string,
  versions: readonly T[],
  start: (version: T) => Promise<void>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const version of versions) {
    try {
      await start(version);
      found.push(version);
    } catch (error) {
      const why = error instanceof Error ? error.message : typeof error;
      if (process.env['ROWSEAL_REQUIRE_SERVERS'] === '1')
        throw new Error(`${kind} ${version} cannot be started here: ${why}`);
      console.error(
        `\n!! ${kind} ${version} cannot be started here (${why}).\n!! TESTS THAT NEED IT ARE SKIPPED.\n`,
      );
    }
  }
  return found;
}
