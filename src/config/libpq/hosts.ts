import { RowsealError } from '../../error/rowseal-error.ts';
import type { Settings } from './settings.ts';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 5432;

/**
 * Hosts with their ports: as many ports as hosts, or one for all (PostgreSQL manual 34.1.1.3).
 *
 * @throws RowsealError RS-PG-023
 */
export function hostsOf(settings: Settings): readonly HostAndPort[] {
  const hosts = (settings.get('host') ?? '').split(',');
  if (hosts.includes(''))
    throw new RowsealError('RS-PG-023', {
      detail: settings.has('host') ? 'a host has no name' : 'it has no host',
    });
  const ports = (settings.get('port') ?? '').split(',');
  if (ports.length !== 1 && ports.length !== hosts.length)
    throw new RowsealError('RS-PG-023', {
      detail: `there are ${hosts.length} hosts and ${ports.length} ports`,
    });
  return hosts.map((host, i) => ({ host, port: portOf(ports.length === 1 ? ports[0]! : ports[i]!) }));
}

function portOf(text: string): number {
  if (text === '') return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw new RowsealError('RS-PG-023', { detail: 'a port is not from 1 to 65535' });
  return port;
}
