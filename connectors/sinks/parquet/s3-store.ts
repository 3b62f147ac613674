import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { openS3 } from '../../object-store/s3-client.ts';
import { isMissing, isPreconditionFailed } from '../../object-store/s3-errors.ts';
import type { FileStore } from './file-store.ts';
import type { S3Options } from './options.ts';

/** Of one PutObject (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html). */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
/** Larger files are streamed: memory does not depend on the size of a batch. */
const BUFFERED_BYTES = 8 * 1024 * 1024;

/**
 * Files in a bucket of S3, or of what speaks like it. `create` rests on conditional writes (`If-None-Match: *`), which S3
 * has had since August 2024; a store that ignores them is found out when the sink is opened.
 */
export class S3Store implements FileStore {
  readonly place: string;
  readonly workDirectory: string;
  readonly #bucket: string;
  readonly #prefix: string;
  /** Tries again by itself; for what may be done twice. */
  readonly #client: S3Client;
  /** Tries once: a create whose answer was lost must not find its own object and take it for another's. */
  readonly #once: S3Client;

  constructor(options: S3Options) {
    const { bucket, prefix } = options;
    this.place = `s3://${bucket}/${prefix}`;
    this.workDirectory = join(options.workDirectory, `rowseal-${bucket}-${prefix.replaceAll('/', '-')}`);
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#client = openS3(options);
    this.#once = openS3(options, 1);
  }

  async read(name: string): Promise<string | null> {
    try {
      const object = await this.#client.send(new GetObjectCommand(this.#at(name)));
      return (await object.Body?.transformToString('utf8')) ?? '';
    } catch (thrown) {
      if (isMissing(thrown)) return null;
      throw thrown;
    }
  }

  async create(name: string, text: string): Promise<boolean> {
    try {
      await this.#once.send(
        new PutObjectCommand({ ...this.#at(name), Body: Buffer.from(text), IfNoneMatch: '*' }),
      );
      return true;
    } catch (thrown) {
      if (isPreconditionFailed(thrown)) return false;
      throw thrown;
    }
  }

  async replace(name: string, text: string): Promise<void> {
    await this.#client.send(new PutObjectCommand({ ...this.#at(name), Body: Buffer.from(text) }));
  }

  async list(folder: string): Promise<readonly string[]> {
    const start = `${this.#prefix}${folder}/`;
    const names: string[] = [];
    for await (const { key } of this.#objects(start))
      if (!key.slice(start.length).includes('/')) names.push(key.slice(start.length));
    return names.sort();
  }

  async *walk(folder: string): AsyncGenerator<{ readonly name: string; readonly bytes: number }> {
    for await (const { key, bytes } of this.#objects(`${this.#prefix}${folder}/`))
      yield { name: key.slice(this.#prefix.length), bytes };
  }

  async isEmpty(folder: string): Promise<boolean> {
    const listed = await this.#client.send(
      new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: `${this.#prefix}${folder}/`, MaxKeys: 1 }),
    );
    return (listed.Contents ?? []).length === 0;
  }

  async remove(name: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#at(name)));
  }

  async put(localFile: string, name: string): Promise<void> {
    const { size } = await stat(localFile);
    if (size > MAX_OBJECT_BYTES)
      throw new RowsealError('RS-PQT-010', { detail: `${this.place}/${name}, ${size} bytes` });
    if (size <= BUFFERED_BYTES) {
      await this.#client.send(new PutObjectCommand({ ...this.#at(name), Body: await readFile(localFile) }));
    } else {
      const file = await open(localFile);
      try {
        // A stream cannot be sent again by the client: then the batch is.
        const Body = file.createReadStream({ autoClose: false });
        await this.#once.send(new PutObjectCommand({ ...this.#at(name), Body, ContentLength: size }));
      } finally {
        await file.close();
      }
    }
    await rm(localFile);
  }

  async fetch(name: string): Promise<string> {
    const object = await this.#client.send(new GetObjectCommand(this.#at(name)));
    const file = join(this.workDirectory, `fetched,${name.replaceAll('/', ',')}`);
    await mkdir(this.workDirectory, { recursive: true });
    await writeFile(file, (await object.Body?.transformToByteArray()) ?? '');
    return file;
  }

  /** A copy and a delete: either may be done again. */
  async move(from: string, to: string): Promise<void> {
    const source = encodeURIComponent(`${this.#bucket}/${this.#prefix}${from}`).replaceAll('%2F', '/');
    try {
      await this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source }));
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      // Moved already, before a crash; if it is not there either, this fails.
      await this.#client.send(new HeadObjectCommand(this.#at(to)));
    }
    await this.remove(from);
  }

  async removeAll(folder: string): Promise<void> {
    for await (const { key } of this.#objects(`${this.#prefix}${folder}/`))
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  /** One file in memory at a time. */
  async localCopy(folders: readonly string[]): Promise<string> {
    await this.dropLocalCopy();
    for (const folder of folders) {
      for await (const { key } of this.#objects(`${this.#prefix}${folder}/`)) {
        const object = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
        const file = join(this.#copy, key.slice(this.#prefix.length));
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, (await object.Body?.transformToByteArray()) ?? '', { mode: 0o600 });
      }
    }
    return this.#copy;
  }

  dropLocalCopy(): Promise<void> {
    return rm(this.#copy, { recursive: true, force: true });
  }

  get #copy(): string {
    return `${this.workDirectory}-copy`;
  }

  close(): void {
    this.#client.destroy();
    this.#once.destroy();
  }

  async *#objects(prefix: string): AsyncGenerator<{ readonly key: string; readonly bytes: number }> {
    let token: string | undefined;
    do {
      const listed = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Key, Size } of listed.Contents ?? [])
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
      token = listed.NextContinuationToken;
    } while (token !== undefined);
  }

  #at(name: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + name };
  }
}
