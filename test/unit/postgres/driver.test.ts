import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Client } from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import { describe, expect, it } from 'vitest';

const require = createRequire(import.meta.url);

/** What is used beyond public interfaces. When one of these fails after an upgrade, read copy-socket.ts and replication.ts. */
describe('internals of the drivers', () => {
  it('are those of the pinned versions', () => {
    const { dependencies } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { dependencies: Record<string, string> };
    expect(dependencies['pg']).toBe('8.23.1');
    expect(dependencies['pg-logical-replication']).toBe('2.5.0');
  });

  it('pg: a client has a connection with a stream', () => {
    const { connection } = new Client() as unknown as {
      connection: { stream: { on: unknown; off: unknown; listeners: unknown } };
    };
    for (const name of ['on', 'off', 'listeners', 'pause', 'resume', 'write'] as const)
      expect(typeof (connection.stream as Record<string, unknown>)[name]).toBe('function');
  });

  it('pg-logical-replication: subscribe hands a connected client to the plugin, and its timer can be switched off', () => {
    const service = new LogicalReplicationService({}, { acknowledge: { auto: false, timeoutSeconds: 0 } });
    expect(service.config.acknowledge).toEqual({ auto: false, timeoutSeconds: 0 });
    const source = readFileSync(
      require.resolve('pg-logical-replication').replace('index.js', 'logical-replication-service.js'),
      'utf8',
    );
    expect(source).toContain('return plugin.start(client, slotName');
    expect(source).toContain('if (this.config.acknowledge.timeoutSeconds > 0 && enable)');
  });

  it('Node: buffers have the methods that the hot paths call', () => {
    const buffer = Buffer.from('zoë', 'utf8');
    expect(buffer.utf8Slice(0, 4)).toBe('zoë');
    expect(buffer.latin1Slice(0, 2)).toBe('zo');
  });
});
