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
import { isMissing, isPreconditionFailed, serviceFailure } from '../../object-store/s3-errors.ts';
import type { FileStore } from './file-store.ts';
import type { S3Options } from './options.ts';
import { type ObjectPlace, S3_LIMITS, type S3Limits, S3Multipart } from './s3-multipart.ts';

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
  readonly #multipart: S3Multipart;
  readonly #limits: S3Limits;

  /** @param limits others than Amazon's for tests, which have no files of gigabytes */
  constructor(options: S3Options, limits: S3Limits = S3_LIMITS) {
    const { bucket, prefix } = options;
    this.place = `s3://${bucket}/${prefix}`;
    this.workDirectory = join(options.workDirectory, `rowseal-${bucket}-${prefix.replaceAll('/', '-')}`);
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#client = openS3(options);
    this.#once = openS3(options, 1);
    this.#limits = limits;
    this.#multipart = new S3Multipart(this.#client, limits);
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
    const { partBytes, objectBytes } = this.#limits;
    if (size > objectBytes)
      throw new RowsealError('RS-PQT-010', { detail: `${this.place}/${name}, ${size} bytes` });
    if (size <= partBytes) {
      await this.#client.send(new PutObjectCommand({ ...this.#at(name), Body: await readFile(localFile) }));
    } else {
      const file = await open(localFile);
      try {
        await this.#multipart.put(file, size, this.#at(name));
      } finally {
        await file.close();
      }
    }
    await rm(localFile);
  }

  async fetch(name: string): Promise<string> {
    const file = join(this.workDirectory, `fetched,${name.replaceAll('/', ',')}`);
    await mkdir(this.workDirectory, { recursive: true });
    await this.#download(this.#at(name), file);
    return file;
  }

  /** A copy and a delete: either may be done again. */
  async move(from: string, to: string): Promise<void> {
    const source = encodeURIComponent(`${this.#bucket}/${this.#prefix}${from}`).replaceAll('%2F', '/');
    try {
      await this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source }));
    } catch (thrown) {
      // Moved already, before a crash; if it is not there either, this fails.
      if (isMissing(thrown)) await this.#client.send(new HeadObjectCommand(this.#at(to)));
      else if (!(await this.#copyInParts(thrown, source, from, to))) throw thrown;
    }
    await this.remove(from);
  }

  /** @returns whether the copy was refused because one request does not copy so much */
  async #copyInParts(thrown: unknown, source: string, from: string, to: string): Promise<boolean> {
    if (serviceFailure(thrown)?.status !== 400) return false;
    const { ContentLength: size } = await this.#client.send(new HeadObjectCommand(this.#at(from)));
    if (size === undefined || size <= this.#limits.copyBytes) return false;
    await this.#multipart.copy(source, size, this.#at(to));
    return true;
  }

  async removeAll(folder: string): Promise<void> {
    await this.#multipart.abortAll(this.#bucket, `${this.#prefix}${folder}/`);
    for await (const { key } of this.#objects(`${this.#prefix}${folder}/`))
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  async localCopy(folders: readonly string[]): Promise<string> {
    await this.dropLocalCopy();
    for (const folder of folders) {
      for await (const { key } of this.#objects(`${this.#prefix}${folder}/`)) {
        const file = join(this.#copy, key.slice(this.#prefix.length));
        await mkdir(dirname(file), { recursive: true });
        await this.#download({ Bucket: this.#bucket, Key: key }, file);
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

  async #download(at: ObjectPlace, file: string): Promise<void> {
    const { Body } = await this.#client.send(new GetObjectCommand(at));
    await writeFile(file, Body as AsyncIterable<Uint8Array>, { mode: 0o600 });
  }

  #at(name: string): ObjectPlace {
    return { Bucket: this.#bucket, Key: this.#prefix + name };
  }
}
