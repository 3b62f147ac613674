import type { ClientConfig } from 'pg';
import {
  isLoopback,
  type PostgresHost,
  type PostgresTls,
  type SslMode,
} from '../../../src/model/postgres-connection.ts';

/** Whether a connection is encrypted. */
export type Cover = 'plain' | 'tls';

/** What `null` stands for depends on the host, and nothing covers a socket file (manual 34.19.1). */
export function modeFor({ host }: Pick<PostgresHost, 'host'>, mode: SslMode | null): SslMode {
  if (host.startsWith('/')) return 'disable';
  return mode ?? (isLoopback(host) ? 'disable' : 'verify-full');
}

/** Ways to connect, in order (manual 34.19.1, table 34.1). */
export function coversOf(mode: SslMode): readonly Cover[] {
  switch (mode) {
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'tls'];
    case 'prefer':
      return ['tls', 'plain'];
    default:
      return ['tls'];
  }
}

/**
 * Built here: the driver's own reading of `sslmode` verifies less than it says, or changes between majors. As in libpq, authorities that
 * are named are asked whatever the mode: `require` with them is `verify-ca`.
 */
export function tlsOptions(tls: PostgresTls, mode: SslMode): ClientConfig['ssl'] {
  const { roots, client } = tls;
  const verifies = mode === 'verify-full' || mode === 'verify-ca' || roots !== null;
  return {
    rejectUnauthorized: verifies,
    ...(roots === null ? {} : { ca: [roots].flat() as string[] }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(tls.revoked === null ? {} : { crl: tls.revoked }),
    ...(client === null ? {} : { cert: client.chain, key: client.key }),
    ...(client?.passphrase == null ? {} : { passphrase: client.passphrase }),
    ...(tls.minVersion === null ? {} : { minVersion: tls.minVersion }),
    ...(tls.maxVersion === null ? {} : { maxVersion: tls.maxVersion }),
  };
}
