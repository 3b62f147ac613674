import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifierPage } from '../../docs/verifier/build.ts';
import { errorDocs } from '../../src/cli/error-docs.ts';
import { presetDocs } from '../../src/cli/preset-docs.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { type ErrorCode, errorCodes } from '../../src/error/codes.ts';
import { exitCodeOf } from '../../src/error/exit.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../src/error/unexpected.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('what is generated from the code is current (npm run docs)', () => {
  it('docs/errors.md', () => expect(read('docs/errors.md')).toBe(errorDocs()));
  it('docs/masking-presets.md', () => expect(read('docs/masking-presets.md')).toBe(presetDocs()));
  it('docs/verify-proof.html', async () => expect(read('docs/verify-proof.html')).toBe(await verifierPage()));
  it('schema/rowseal.schema.json', () => expect(read('schema/rowseal.schema.json')).toBe(configJsonSchema()));
});

describe('errors', () => {
  it('all have a title, an explanation and a fix', () => {
    for (const [code, entry] of Object.entries(errorCodes)) {
      expect(code).toMatch(/^RS-[A-Z]+-\d{3}$/);
      expect(entry.title).toMatch(/^[^A-Z].*[^.]$|^(BigQuery|DuckDB|GTIDs|MySQL|Postgres|WAL) .*[^.]$/);
      expect(entry.explain.length, code).toBeGreaterThan(20);
      expect(entry.fix.length, code).toBeGreaterThan(5);
    }
  });

  it('never carry the message of something unexpected: it may quote a row', () => {
    const error = toRowsealError(
      Object.assign(new Error('Key (email)=(canary@example.com) already exists'), {
        code: '23505',
        detail: 'canary',
      }),
    );
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('canary');
    expect(error).toMatchObject({ code: 'RS-RUN-000', origin: '23505' });
  });

  it('have the documented exit codes', () => {
    const exit = (code: ErrorCode): number => exitCodeOf(new RowsealError(code));
    expect([
      exit('RS-PG-008'),
      exit('RS-CFG-003'),
      exit('RS-MASK-001'),
      exit('RS-AUD-003'),
      exit('RS-AUD-004'),
      exit('RS-AUD-001'),
    ]).toEqual([3, 2, 2, 11, 10, 1]);
  });
});
