import type { PostgresPosition } from '../../src/model/position.ts';

/** A place in the stream of a server that is always the same. */
export function streamPosition(lsn: bigint): PostgresPosition {
  return { kind: 'postgres', systemId: '1', timeline: 1, slot: 's', lsn, phase: 'stream' };
}
