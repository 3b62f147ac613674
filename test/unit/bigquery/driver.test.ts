import { readFileSync } from 'node:fs';
import { BigQuery } from '@google-cloud/bigquery';
import { Client, credentials } from '@grpc/grpc-js';
import { PassThroughClient } from 'google-auth-library';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';

/** What the sink builds on. When one of these fails after an upgrade, read client.ts, append-stream.ts and write-messages.ts. */
describe('packages of the BigQuery sink', () => {
  it('are those of the pinned versions', () => {
    const { dependencies } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { dependencies: Record<string, string> };
    expect(dependencies).toMatchObject({
      '@google-cloud/bigquery': '9.3.0',
      '@grpc/grpc-js': '1.14.7',
      'google-auth-library': '11.3.4',
      protobufjs: '8.8.1',
    });
  });

  it('@google-cloud/bigquery: a client takes our auth client, an address and a request', async () => {
    const client = new BigQuery({
      projectId: 'p',
      authClient: new PassThroughClient(),
      apiEndpoint: 'http://127.0.0.1:1',
      retryOptions: { autoRetry: false },
    });
    expect(client.apiEndpoint).toBe('http://127.0.0.1:1');
    expect(client.baseUrl).toBe('http://127.0.0.1:1/bigquery/v2');
    const error = await new Promise((resolve) =>
      client.request({ method: 'GET', uri: '/datasets/d' }, resolve),
    );
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('@grpc/grpc-js: a client makes a stream of bytes without generated code', () => {
    const client = new Client('127.0.0.1:1', credentials.createInsecure());
    expect(typeof client.makeBidiStreamRequest).toBe('function');
    client.close();
  });

  it('protobufjs: a writer nests messages, and a reader passes unknown fields over', () => {
    const writer = protobuf.Writer.create();
    writer
      .uint32((1 << 3) | 2)
      .fork()
      .uint32((2 << 3) | 2)
      .string('é')
      .ldelim();
    const bytes = writer.finish();
    expect(Buffer.isBuffer(bytes)).toBe(true);
    expect([...bytes]).toEqual([0x0a, 0x04, 0x12, 0x02, 0xc3, 0xa9]);
    const reader = protobuf.Reader.create(bytes);
    const key = reader.uint32();
    reader.skipType(key & 7);
    expect([reader.pos, reader.len]).toEqual([6, 6]);
  });

  it('Node: buffers write UTF-8 at a place', () => {
    const buffer = Buffer.alloc(8);
    expect(buffer.utf8Write('zoë', 1, 7)).toBe(4);
  });
});
