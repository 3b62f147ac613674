import { createHash } from 'node:crypto';

/** What S3 says no to, by status and code (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

interface Upload {
  readonly key: string;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

/** Of every part but the last (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
const MIN_PART_BYTES = 5 * 1024 ** 2;
const MAX_PARTS = 10_000;
/** Uploads of one page; S3 has 1,000. */
const PAGE = 2;

/** Multipart uploads as S3 has them: numbered parts with tags, completed in order, or aborted. */
export class FakeUploads {
  readonly #uploads = new Map<string, Upload>();
  #count = 0;

  /** `bucket/key` of uploads that are neither completed nor aborted. */
  get open(): readonly string[] {
    return [...this.#uploads.values()].map(({ key }) => key);
  }

  create(key: string): string {
    const id = `upload-${this.#count++}`;
    this.#uploads.set(id, { key, parts: new Map() });
    return id;
  }

  /** @returns the part's tag */
  put(id: string, key: string, number: number, bytes: Buffer): string {
    if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS)
      throw new S3Refusal(400, 'InvalidArgument');
    const etag = `"${md5(bytes).toString('hex')}"`;
    this.#of(id, key).parts.set(number, { bytes, etag });
    return etag;
  }

  /** @param body `CompleteMultipartUpload`, XML */
  complete(id: string, key: string, body: string): { readonly bytes: Buffer; readonly etag: string } {
    const { parts } = this.#of(id, key);
    const asked = [...body.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part!)?.[1]),
      etag: /<ETag>(.*?)</.exec(part!)?.[1]?.replaceAll('&quot;', '"') ?? '',
    }));
    if (asked.length === 0) throw new S3Refusal(400, 'MalformedXML');
    asked.forEach(({ number, etag }, i) => {
      if (i > 0 && number <= asked[i - 1]!.number) throw new S3Refusal(400, 'InvalidPartOrder');
      const part = parts.get(number);
      if (part?.etag !== etag) throw new S3Refusal(400, 'InvalidPart');
      if (i < asked.length - 1 && part.bytes.length < MIN_PART_BYTES)
        throw new S3Refusal(400, 'EntityTooSmall');
    });
    const used = asked.map(({ number }) => parts.get(number)!.bytes);
    this.#uploads.delete(id);
    const etag = `"${md5(Buffer.concat(used.map(md5))).toString('hex')}-${used.length}"`;
    return { bytes: Buffer.concat(used), etag };
  }

  abort(id: string, key: string): void {
    this.#of(id, key);
    this.#uploads.delete(id);
  }

  /** ListMultipartUploads: by key, then by upload, in pages. */
  list(bucket: string, query: URLSearchParams): string {
    const [afterKey, afterId] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
    const found = [...this.#uploads]
      .map(([id, { key }]) => ({ id, key }))
      .filter(({ key }) => key.startsWith(`${bucket}/${query.get('prefix') ?? ''}`))
      .map(({ id, key }) => ({ id, key: key.slice(bucket.length + 1) }))
      .filter(({ id, key }) => key > afterKey || (key === afterKey && afterId !== '' && id > afterId))
      .sort((a, b) => (a.key < b.key || (a.key === b.key && a.id < b.id) ? -1 : 1));
    const page = found.slice(0, PAGE);
    const last = page.at(-1);
    const next =
      found.length > PAGE && last !== undefined
        ? `<NextKeyMarker>${last.key}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`
        : '';
    const uploads = page.map(({ id, key }) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
    return `<ListMultipartUploadsResult><IsTruncated>${found.length > PAGE}</IsTruncated>${next}${uploads.join('')}</ListMultipartUploadsResult>`;
  }

  #of(id: string, key: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.key !== key) throw new S3Refusal(404, 'NoSuchUpload');
    return upload;
  }
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest();
}
