import type { TestProject as VitestProject } from 'vitest/node';
import { type PostgresMajor, startPostgres } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgresMajors: readonly PostgresMajor[];
  }
}

const MAJORS: readonly PostgresMajor[] = [16, 17, 18];

/**
 * Before all tests: which servers can be had here. A test that needs another one is skipped, and this says so; where
 * ROWSEAL_REQUIRE_SERVERS is set (CI) it is a failure instead.
 */
export default async function probe(project: VitestProject): Promise<void> {
  const available: PostgresMajor[] = [];
  for (const major of MAJORS) {
    try {
      await (await startPostgres(major)).stop();
      available.push(major);
    } catch (error) {
      const why = error instanceof Error ? error.message : typeof error;
      if (process.env['ROWSEAL_REQUIRE_SERVERS'] === '1')
        throw new Error(`PostgreSQL ${major} cannot be started here: ${why}`);
      console.error(
        `\n!! PostgreSQL ${major} cannot be started here (${why}).\n!! TESTS THAT NEED IT ARE SKIPPED.\n`,
      );
    }
  }
  project.provide('postgresMajors', available);
}
