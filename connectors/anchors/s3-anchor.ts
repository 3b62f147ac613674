import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Anchor, headFileName, sameHead } from '../../src/witness/anchor.ts';
import { openS3, type S3Account } from '../object-store/s3-client.ts';
import { isPreconditionFailed, serviceFailure } from '../object-store/s3-errors.ts';

export interface S3AnchorOptions extends S3Account {
  readonly bucket: string;
  /** Without a slash at either end; empty: the top of the bucket. */
  readonly prefix: string;
}

/** One object for each head, created and never replaced: fits a bucket with Object Lock. */
export class S3Anchor implements Anchor {
  readonly name: string;
  readonly place: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;

  constructor(name: string, options: S3AnchorOptions) {
    const { bucket, prefix } = options;
    this.name = name;
    this.place = `s3://${bucket}/${prefix}`;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#client = openS3(options);
  }

  async keep(size: number, note: string, signal: AbortSignal): Promise<'kept' | 'other'> {
    const at = { Bucket: this.#bucket, Key: this.#prefix + headFileName(size) };
    const body = Buffer.from(note, 'utf8');
    try {
      // Object Lock asks for a checksum; this one every store knows.
      const md5 = createHash('md5').update(body).digest('base64');
      const put = new PutObjectCommand({
        ...at,
        Body: body,
        ContentMD5: md5,
        ContentType: 'text/plain; charset=utf-8',
        IfNoneMatch: '*',
      });
      await this.#client.send(put, { abortSignal: signal });
      return 'kept';
    } catch (thrown) {
      if (!isPreconditionFailed(thrown)) throw named(thrown);
    }
    const there = await this.#client.send(new GetObjectCommand(at), { abortSignal: signal });
    return sameHead((await there.Body?.transformToString('utf8')) ?? '', note) ? 'kept' : 'other';
  }

  close(): void {
    this.#client.destroy();
  }
}

/** The stable name of a failure, where the service gave one. */
function named(thrown: unknown): unknown {
  const failure = serviceFailure(thrown);
  return failure === null ? thrown : Object.assign(new Error(), { name: failure.name });
}
