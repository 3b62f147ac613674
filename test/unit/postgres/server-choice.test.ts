import { describe, expect, it } from 'vitest';
import {
  fits,
  isLeftBehind,
  isWorthAnother,
  roundsOf,
  shuffled,
  triesOtherWay,
} from '../../../connectors/sources/postgres/server-choice.ts';
import { coversOf, modeFor, tlsOptions } from '../../../connectors/sources/postgres/tls.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { PostgresTls } from '../../../src/model/postgres-connection.ts';

const primary = { inRecovery: false, readOnly: false, timeline: 2 };
const readOnlyPrimary = { inRecovery: false, readOnly: true, timeline: 2 };
const standby = { inRecovery: true, readOnly: false, timeline: null };

describe('which server will do', () => {
  // PostgreSQL manual 34.1.2, target_session_attrs.
  it.each([
    ['any', [true, true, true]],
    ['read-write', [true, false, false]],
    ['read-only', [false, true, true]],
    ['primary', [true, true, false]],
    ['standby', [false, false, true]],
  ] as const)('%s', (wanted, expected) => {
    expect([primary, readOnlyPrimary, standby].map((state) => fits(wanted, state))).toEqual(expected);
  });

  it('takes any server where no standby is to be had', () => {
    expect(roundsOf('prefer-standby')).toEqual(['standby', 'any']);
    expect(roundsOf('primary')).toEqual(['primary']);
  });

  it('goes to the next host where this one cannot be reached, never where it refuses', () => {
    expect(isWorthAnother(new RowsealError('RS-PG-001'))).toBe(true);
    expect(isWorthAnother(new RowsealError('RS-PG-016'))).toBe(true);
    for (const code of ['RS-PG-002', 'RS-PG-017', 'RS-PG-020', 'RS-PG-041', 'RS-PG-043'] as const)
      expect(isWorthAnother(new RowsealError(code))).toBe(false);
  });

  it('knows a primary that others have left behind', () => {
    expect([1, 2, 3].map((least) => isLeftBehind(primary, least))).toEqual([false, false, true]);
    expect(isLeftBehind(standby, 3)).toBe(false);
  });

  it('shuffles without loss', () => {
    const rolls = [0.9, 0.1, 0.5];
    expect(shuffled(['a', 'b', 'c', 'd'], () => rolls.pop() ?? 0)).toHaveLength(4);
    expect([...shuffled(['a', 'b', 'c'], () => 0)].sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('how a connection is covered', () => {
  it('does not send a refused password again uncovered', () => {
    const wrongPassword = new RowsealError('RS-PG-002', { origin: '28P01' });
    const noLine = new RowsealError('RS-PG-002', { origin: '28000' });
    for (const cover of ['plain', 'tls'] as const) {
      expect(triesOtherWay(cover, wrongPassword)).toBe(false);
      expect(triesOtherWay(cover, noLine)).toBe(true);
      expect(triesOtherWay(cover, new RowsealError('RS-PG-001'))).toBe(false);
    }
    expect(triesOtherWay('tls', new RowsealError('RS-PG-034'))).toBe(true);
  });

  it('depends on mode and host', () => {
    expect(modeFor({ host: 'db.example.com' }, null)).toBe('verify-full');
    expect(modeFor({ host: '127.0.0.1' }, null)).toBe('disable');
    expect(modeFor({ host: 'localhost' }, 'require')).toBe('require');
    expect(modeFor({ host: '/tmp' }, 'verify-full')).toBe('disable');
    expect(coversOf('allow')).toEqual(['plain', 'tls']);
    expect(coversOf('prefer')).toEqual(['tls', 'plain']);
    expect(coversOf('verify-ca')).toEqual(['tls']);
  });

  it('verifies what the mode says, and more only where an authority is named', () => {
    const tls: PostgresTls = {
      mode: null,
      negotiation: 'postgres',
      roots: null,
      revoked: null,
      client: null,
      minVersion: null,
      maxVersion: null,
    };
    const verified = (mode: 'require' | 'verify-ca' | 'verify-full', roots: string | null) => {
      const options = tlsOptions({ ...tls, roots }, mode);
      if (typeof options !== 'object') throw new Error('no TLS');
      return [options.rejectUnauthorized, options.checkServerIdentity === undefined];
    };
    expect(verified('require', null)).toEqual([false, false]);
    expect(verified('require', 'PEM')).toEqual([true, false]);
    expect(verified('verify-ca', null)).toEqual([true, false]);
    expect(verified('verify-full', null)).toEqual([true, true]);
  });
});
