import { defineConfig } from 'vitest/config';

/** Database servers are shared per worker and the machine may be small: few workers, generous limits. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/available-servers.ts', 'test/support/sink/contract-report.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
    reporters: ['default'],
  },
});
