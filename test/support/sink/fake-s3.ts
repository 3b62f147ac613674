import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeUploads, S3Refusal } from './fake-s3-uploads.ts';

/**
 * As much of S3 as the sink uses, path-style: PUT with conditions and copies, GET, HEAD, DELETE, ListObjectsV2 in pages,
 * multipart uploads. Signatures are not checked, but must be there.
 */
export class FakeS3 {
  readonly #server: Server;
  /** By `bucket/key`. */
  readonly objects = new Map<string, Buffer>();
  readonly uploads = new FakeUploads();
  /** Of one PUT and one copy (S3: 5 GiB). */
  maxBytes = 5 * 1024 ** 3;
  /** A step of an upload fails: the connection is cut before or after the deed. */
  uploadFault: (step: 'create' | 'part' | 'copy' | 'complete' | 'abort') => 'before' | 'after' | null = () =>
    null;
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
      this.#answer(request, response).catch((thrown: unknown) => {
        if (thrown instanceof S3Refusal) fail(response, thrown.status, thrown.code);
        else response.destroy();
      });
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
    if (request.method === 'GET' && url.searchParams.has('uploads'))
      return send(response, this.uploads.list(key.replace(/\/$/, ''), url.searchParams));
    if (url.searchParams.has('uploads') || url.searchParams.has('uploadId'))
      return this.#upload(key, url.searchParams, Buffer.concat(chunks), request, response);
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
      if (from.length > this.maxBytes) return fail(response, 400, 'InvalidRequest');
      this.objects.set(key, from);
      return send(response, '<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>');
    }
    if (body.length > this.maxBytes) return fail(response, 400, 'EntityTooLarge');
    if (request.headers['if-none-match'] === '*' && this.objects.has(key) && !this.ignoresConditions)
      return fail(response, 412, 'PreconditionFailed');
    this.objects.set(key, body);
    if (cut?.when === 'after') return void response.destroy();
    response.writeHead(200, { etag: '"put"' }).end();
  }

  async #upload(
    key: string,
    query: URLSearchParams,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const id = query.get('uploadId') ?? '';
    const { method } = request;
    const source = request.headers['x-amz-copy-source'];
    const putStep = typeof source === 'string' ? 'copy' : 'part';
    const step =
      method === 'PUT' ? putStep : method === 'DELETE' ? 'abort' : id === '' ? 'create' : 'complete';
    const fault = this.uploadFault(step);
    if (fault === 'before') return void response.destroy();
    const answer = this.#uploadStep(
      step,
      { key, id, body, number: Number(query.get('partNumber')) },
      request,
    );
    if (fault === 'after') return void response.destroy();
    if (answer.xml !== null) return send(response, answer.xml);
    response.writeHead(step === 'abort' ? 204 : 200, { etag: answer.etag }).end();
  }

  #uploadStep(
    step: 'create' | 'part' | 'copy' | 'complete' | 'abort',
    { key, id, body, number }: { key: string; id: string; body: Buffer; number: number },
    request: IncomingMessage,
  ): { readonly xml: string | null; readonly etag: string } {
    switch (step) {
      case 'create': {
        const made = this.uploads.create(key);
        const xml = `<InitiateMultipartUploadResult><UploadId>${made}</UploadId></InitiateMultipartUploadResult>`;
        return { xml, etag: '' };
      }
      case 'part':
        return { xml: null, etag: this.uploads.put(id, key, number, body) };
      case 'copy': {
        const from = this.objects.get(decodeURIComponent(String(request.headers['x-amz-copy-source'])));
        if (from === undefined) throw new S3Refusal(404, 'NoSuchKey');
        const [, first, last] =
          /^bytes=(\d+)-(\d+)$/.exec(String(request.headers['x-amz-copy-source-range'])) ?? [];
        if (Number(last) >= from.length) throw new S3Refusal(400, 'InvalidArgument');
        const bytes = from.subarray(Number(first), Number(last) + 1);
        if (bytes.length > this.maxBytes) throw new S3Refusal(400, 'InvalidRequest');
        const etag = this.uploads.put(id, key, number, bytes);
        return { xml: `<CopyPartResult><ETag>${etag}</ETag></CopyPartResult>`, etag };
      }
      case 'complete': {
        const { bytes, etag } = this.uploads.complete(id, key, body.toString('utf8'));
        this.objects.set(key, bytes);
        const xml = `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`;
        return { xml, etag };
      }
      case 'abort':
        this.uploads.abort(id, key);
        return { xml: null, etag: '' };
    }
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
