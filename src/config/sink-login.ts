import { isDeepStrictEqual } from 'node:util';
import { serverPlace } from './server-place.ts';
import type { SinkConfig } from './sinks.ts';

/**
 * A sink with what it logs in with as the configuration says it now: user, password, keys and the authority of the server. All
 * else stays, and so does everything when it is another place: that takes a restart.
 *
 * @returns `known` itself where nothing has changed
 */
export function withLoginOf(known: SinkConfig, newest: SinkConfig): SinkConfig {
  const renewed = renewedLogin(known, newest);
  return renewed === null || isDeepStrictEqual(renewed, known) ? known : renewed;
}

/** Whether there is anything that a sink of this kind logs in with. */
export function logsIn(sink: SinkConfig): boolean {
  return renewedLogin(sink, sink) !== null;
}

function renewedLogin(known: SinkConfig, newest: SinkConfig): SinkConfig | null {
  switch (known.type) {
    case 'duckdb':
      return null;
    case 'postgres': {
      if (newest.type !== known.type || serverPlace(newest.url) !== serverPlace(known.url)) return null;
      const { url, password, tlsCa } = newest;
      return { ...known, url, password, tlsCa };
    }
    case 'bigquery': {
      if (newest.type !== known.type || newest.project !== known.project) return null;
      const { credentials } = newest;
      return { ...known, credentials };
    }
    case 'parquet': {
      const [before, now] = [known.place, newest.type === known.type ? newest.place : null];
      if (before.kind !== 's3' || now?.kind !== 's3') return null;
      if (now.bucket !== before.bucket || now.endpoint !== before.endpoint) return null;
      const { credentials } = now;
      return { ...known, place: { ...before, credentials } };
    }
  }
}
