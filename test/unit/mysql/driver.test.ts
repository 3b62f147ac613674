import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createConnection } from 'mysql2';
import { expect, it } from 'vitest';
import { until } from '../../support/project.ts';

/** What packet-stream.ts uses beyond public interfaces. When one of these fails after an upgrade, read that file. */
it('mysql2 is the pinned version', () => {
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies['mysql2']).toBe('3.24.6');
});

it('mysql2 hands packets to any command, writes what looks like a packet, and pauses', async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => accepted.resolve(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const connection = createConnection({ host: '127.0.0.1', port, user: 'u' }) as unknown as {
    _command: unknown;
    addCommand(command: object): void;
    _resetSequenceId(): void;
    writePacket(packet: object): void;
    pause(): void;
    resume(): void;
    on(event: string, listener: () => void): void;
    destroy(): void;
    sequenceId: number;
  };
  connection.on('error', () => {});
  // The handshake is not of interest here: its place is taken.
  connection._command = undefined;
  const socket = await accepted.promise;
  const seen: string[] = [];
  const received = Promise.withResolvers<void>();
  let sent = false;
  connection.addCommand({
    emit: () => false,
    onResult: () => {},
    execute: (
      packet: { buffer: Buffer; offset: number; end: number } | undefined,
      driver: typeof connection,
    ): boolean => {
      if (!sent) {
        sent = true;
        driver._resetSequenceId();
        const buffer = Buffer.from([0, 0, 0, 0, 0x12, 0x34]);
        driver.writePacket({
          buffer,
          length: () => buffer.length,
          writeHeader: (id: number) => buffer.writeUInt32LE(2 | (id << 24)),
        });
        return false;
      }
      seen.push(packet!.buffer.toString('latin1', packet!.offset, packet!.end));
      if (seen.length === 1) driver.pause();
      if (seen.length === 2) received.resolve();
      return seen.length === 2;
    },
  });
  const request = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  expect([...request]).toEqual([2, 0, 0, 0, 0x12, 0x34]);
  socket.write(Buffer.from([3, 0, 0, 1, 0x61, 0x62, 0x63, 1, 0, 0, 2, 0x64]));
  await until('the first packet', () => seen.length > 0);
  // The other one has come with it.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen).toEqual(['abc']);
  connection.resume();
  await received.promise;
  expect(seen).toEqual(['abc', 'd']);
  connection.destroy();
  socket.destroy();
  server.close();
});

it('mysql2 fails what waits for an answer when its socket is destroyed', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const connection = createConnection({ host: '127.0.0.1', port, user: 'u' }) as unknown as {
    _command: unknown;
    stream: { destroy(): void };
    addCommand(command: object): void;
    on(event: string, listener: () => void): void;
  };
  connection.on('error', () => {});
  connection._command = undefined;
  const fate = Promise.withResolvers<unknown>();
  connection.addCommand({ emit: () => false, onResult: fate.resolve, execute: () => false });
  connection.stream.destroy();
  expect(await fate.promise).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' });
  server.close();
});
