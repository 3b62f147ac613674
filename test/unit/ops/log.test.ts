import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, type LevelledLogger, type LogEvent, type LogLevel } from '../../../src/ops/log.ts';

let lines: string[];

beforeEach(() => {
  lines = [];
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function logger(more: { format?: 'json' | 'pretty'; level?: LogLevel } = {}): LevelledLogger {
  return createLogger({
    pipeline: 'shop',
    level: 'info',
    format: 'json',
    colour: false,
    ...more,
    write: (text) => lines.push(text),
  });
}

const messages = (): readonly string[] => lines.map((line) => (JSON.parse(line) as LogEvent).message);

describe('log lines', () => {
  it('are JSON objects with the pipeline, an ISO time and the fields of the event, and nothing else', () => {
    logger().log('warn', { message: 'slow', code: 'RS-PG-020', sink: 'warehouse', group: 7 });
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      pipeline: 'shop',
      code: 'RS-PG-020',
      sink: 'warehouse',
      group: 7,
      message: 'slow',
    });
    expect(lines[0]!.endsWith('\n')).toBe(true);
  });

  it('are told apart by level', () => {
    const log = logger({ level: 'warn' });
    log.log('info', { message: 'a' });
    log.log('error', { message: 'b' });
    expect(messages()).toEqual(['b']);
  });

  it('follow a level that changes while they are written', () => {
    const log = logger();
    log.log('debug', { message: 'a' });
    log.level = 'debug';
    log.log('debug', { message: 'b' });
    log.level = 'error';
    log.log('warn', { message: 'c' });
    expect(messages()).toEqual(['b']);
  });

  it('are for people on a terminal, with the groups they are about', () => {
    const log = logger({ format: 'pretty', level: 'debug' });
    log.log('debug', { message: 'delivered', sink: 'warehouse', first_group: 3, group: 9, rows: 12 });
    log.log('debug', { message: 'sealed', group: 9 });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d debug delivered {2}sink warehouse {2}groups 3–9 {2}12 rows\n$/);
    expect(lines[1]).toMatch(/sealed {2}group 9\n$/);
  });
});

describe('equal lines', () => {
  it('are held back and counted, also when others come between them', () => {
    const log = logger();
    for (let i = 0; i < 100; i++) {
      log.log('warn', { message: 'unreachable', sink: 'a', retry_in_ms: i });
      log.log('warn', { message: 'unreachable', sink: 'b', retry_in_ms: i });
    }
    expect(lines).toHaveLength(2);
    vi.advanceTimersByTime(10_001);
    log.log('info', { message: 'streaming' });
    expect(messages()).toEqual([
      'unreachable',
      'unreachable',
      'unreachable (99 more times)',
      'unreachable (99 more times)',
      'streaming',
    ]);
    // The newest of its kind is the one that is told.
    expect(JSON.parse(lines[2]!)).toMatchObject({ sink: 'a', retry_in_ms: 99 });
  });

  it('are told again every ten seconds while they go on', () => {
    const log = logger();
    for (let second = 0; second < 60; second++) {
      log.log('warn', { message: 'unreachable' });
      vi.advanceTimersByTime(1_000);
    }
    expect(lines.length).toBeGreaterThanOrEqual(6);
    expect(lines.length).toBeLessThanOrEqual(8);
  });

  it('are new when they come again after a silence', () => {
    const log = logger();
    log.log('info', { message: 'streaming' });
    vi.advanceTimersByTime(10_001);
    log.log('info', { message: 'streaming' });
    expect(messages()).toEqual(['streaming', 'streaming']);
  });

  it('differ by the group they are about', () => {
    const log = logger({ level: 'debug' });
    for (let group = 0; group < 50; group++) log.log('debug', { message: 'sealed', group });
    expect(lines).toHaveLength(50);
  });

  it('never make the memory of them grow without end, nor a flood of unequal ones silent', () => {
    const log = logger();
    for (let i = 0; i < 5_000; i++) log.log('warn', { message: `kind ${i}` });
    expect(lines).toHaveLength(5_000);
  });
});
