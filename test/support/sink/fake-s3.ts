import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * As much of S3 as the sink uses, path-style: PUT with conditions and copies, GET, HEAD, DELETE, ListObjectsV2 in pages.
 * Signatures are not checked, but must be there.
 */
export class FakeS3 {
  readonly #server: Server;
  /** By `bucket/key`. */
  readonly objects = new Map<string, Buffer>();
  /** A store that does not know conditional writes. */
  ignoresConditions = false;
  /** The next PUT whose key contains this is lost, `before` or `after` it happened. */
  cut: { readonly key: string; readonly when: 'before' | 'after' } | null = null;

  /** What happens between the arrival of a PUT and its deed. */
  beforePut: (key: string) => Promise<void> = async () => {};
  /** PUTs are answered by this status and code. */
  refusal: { readonly status: number; readonly code: string } | null = null;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url!, 'http://fake');
    const key = decodeURIComponent(url.pathname.slice(1));
    if (!(request.headers.authorization ?? '').startsWith('AWS4-HMAC-SHA256 '))
      return fail(response, 403, 'AccessDenied');
    if (request.method === 'GET' && url.searchParams.get('list-type') === '2')
      return this.#list(key.replace(/\/$/, ''), url.searchParams, response);
    switch (request.method) {
      case 'PUT':
        return this.#put(key, Buffer.concat(chunks), request, response);
      case 'GET':
      case 'HEAD': {
        const object = this.objects.get(key);
        if (object === undefined) return fail(response, 404, 'NoSuchKey');
        response.writeHead(200, { 'content-length': object.length });
        response.end(request.method === 'GET' ? object : undefined);
        return;
      }
      case 'DELETE':
        this.objects.delete(key);
        response.writeHead(204).end();
        return;
      default:
        fail(response, 501, 'NotImplemented');
    }
  }

  async #put(key: string, body: Buffer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const cut = this.cut !== null && key.includes(this.cut.key) ? this.cut : null;
    if (cut !== null) this.cut = null;
    if (cut?.when === 'before') return void response.destroy();
    await this.beforePut(key);
    if (this.refusal !== null) return fail(response, this.refusal.status, this.refusal.code);
    const source = request.headers['x-amz-copy-source'];
    if (typeof source === 'string') {
      const from = this.objects.get(decodeURIComponent(source));
      if (from === undefined) return fail(response, 404, 'NoSuchKey');
      this.objects.set(key, from);
      return send(response, '<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>');
    }
    if (request.headers['if-none-match'] === '*' && this.objects.has(key) && !this.ignoresConditions)
      return fail(response, 412, 'PreconditionFailed');
    this.objects.set(key, body);
    if (cut?.when === 'after') return void response.destroy();
    response.writeHead(200, { etag: '"put"' }).end();
  }

  #list(bucket: string, query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const most = Math.min(Number(query.get('max-keys') ?? 5), 5);
    const keys = [...this.objects.keys()]
      .filter((name) => name.startsWith(`${bucket}/${prefix}`))
      .map((name) => name.slice(bucket.length + 1))
      .filter((name) => name > after)
      .sort();
    const page = keys.slice(0, most);
    const more = keys.length > page.length;
    const contents = page.map((key) => `<Contents><Key>${escaped(key)}</Key></Contents>`).join('');
    const next = more ? `<NextContinuationToken>${escaped(page.at(-1)!)}</NextContinuationToken>` : '';
    send(
      response,
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
    );
  }
}

function send(response: ServerResponse, xml: string): void {
  response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${xml}`);
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
