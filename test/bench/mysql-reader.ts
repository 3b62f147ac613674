import { pathToFileURL } from 'node:url';
import { newDecoder } from '../../connectors/sources/mysql/binlog-again.ts';
import { BinlogDump } from '../../connectors/sources/mysql/binlog-dump.ts';
import { bindTable } from '../../connectors/sources/mysql/catalog.ts';
import type { MysqlSourceOptions } from '../../connectors/sources/mysql/options.ts';
import { RolledBack } from '../../connectors/sources/mysql/rolled-back.ts';

/**
 * One reader in a process of its own: reads rows of shop.bench from a place of the binlog and prints the seconds from the start
 * of the stream to the last row. The other libraries are no dependencies of this repository:
 * `npm install --no-save @vlasky/zongji@0.9.0 @powersync/mysql-zongji@0.6.2`.
 */
const [reader, port, file, offset, rowsText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const wanted = Number(rowsText);
const connection = { host: '127.0.0.1', port: Number(port), user: 'root' };

/** The part of both libraries that is used: they have one ancestor. */
interface Peer {
  on(event: 'binlog', listener: (event: { readonly rows?: readonly unknown[] }) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  start(options: Readonly<Record<string, unknown>>): void;
}

async function ours(decode: boolean): Promise<number> {
  const options: MysqlSourceOptions = {
    url: `mysql://root@127.0.0.1:${port}`,
    tlsMode: null,
    tlsCa: null,
    tables: [],
    snapshot: 'never',
    serverId: 998,
    acceptServers: [],
    idleIntervalMs: 1000,
    heartbeatMs: 10_000,
    receiveBufferBytes: 1 << 20,
    zeroDates: 'text',
    invalidText: 'error',
    maxUnpackedBytes: 1 << 28,
    rolledBack: new RolledBack(),
    positionSeal: { seal: (_, text) => text, open: (_, sealed) => sealed },
  };
  const startedMs = performance.now();
  const dump = await BinlogDump.open(
    options,
    'mysql',
    { kind: 'place', place: { file, offset: Number(offset) } },
    { serverId: 998, uuid: '00000000-0000-4000-8000-000000000998' },
    async () => {},
  );
  const decoder = newDecoder(options, { flavor: 'mysql' } as never);
  const XID = 16;
  let rows = 0;
  let commits = 0;
  while (decode ? rows < wanted : commits < wanted / 1000) {
    for (const { buffer, start, end } of await dump.read()) {
      if (buffer[start + 5] === XID) commits++;
      if (!decode) continue;
      decoder.decode(buffer, start + 1, end);
      for (let event = decoder.next(); event !== null; event = decoder.next()) {
        if (event.kind === 'table-map') decoder.bind(event.map, bindTable(event.map, null, 'mysql'));
        else if (event.kind === 'rows') rows += event.count;
      }
    }
    rows += decoder.flush()?.count ?? 0;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await dump.close();
  return seconds;
}

async function peer(name: string): Promise<number> {
  const folder = process.env['ROWSEAL_BENCH_PEERS'];
  const root = folder === undefined ? new URL('../../', import.meta.url) : pathToFileURL(`${folder}/`);
  const module = (await import(new URL(`node_modules/${name}/index.js`, root).href)) as {
    default: new (options: object) => Peer;
  };
  const stream = new module.default(connection);
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    let rows = 0;
    stream.on('error', reject);
    stream.on('binlog', (event) => {
      rows += event.rows?.length ?? 0;
      if (rows >= wanted) resolve((performance.now() - startedMs) / 1000);
    });
    stream.start({
      filename: file,
      position: Number(offset),
      serverId: 997,
      includeEvents: ['tablemap', 'writerows'],
      includeSchema: { shop: ['bench'] },
    });
  });
}

const seconds =
  reader === 'bare' ? await ours(false) : reader === 'decoded' ? await ours(true) : await peer(reader);
process.stdout.write(`${JSON.stringify({ seconds })}\n`, () => process.exit(0));
