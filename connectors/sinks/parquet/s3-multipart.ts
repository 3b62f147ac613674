import type { FileHandle } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { isMissing, serviceFailure } from '../../object-store/s3-errors.ts';

/** What one request and one object may have (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export interface S3Limits {
  /** Of a file in a part, in bytes: at least 5 MiB, but for the last. One part is in memory at a time. */
  readonly partBytes: number;
  /** Of one copy, and of a part of a copy in parts, in bytes. */
  readonly copyBytes: number;
  readonly parts: number;
  readonly objectBytes: number;
}

export const S3_LIMITS: S3Limits = {
  partBytes: 8 * 1024 ** 2,
  copyBytes: 5 * 1024 ** 3,
  parts: 10_000,
  objectBytes: 5 * 1024 ** 4,
};

export interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

interface Part {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
}

/**
 * Objects in parts: what is too large for one request, and what is worth to be sent again in pieces. An object appears when
 * it is completed, and whole; until then its parts are kept, paid for and listed as an upload.
 */
export class S3Multipart {
  readonly #client: S3Client;
  readonly #limits: S3Limits;

  /** @param client tries again by itself: each part may be sent twice */
  constructor(client: S3Client, limits: S3Limits) {
    this.#client = client;
    this.#limits = limits;
  }

  async put(file: FileHandle, size: number, at: ObjectPlace): Promise<void> {
    const { partBytes, parts } = this.#limits;
    // 8 MiB do for 80 GB; beyond that as much as makes no more parts than there may be.
    const length = Math.max(partBytes, Math.ceil(size / parts));
    const buffer = Buffer.allocUnsafe(Math.min(length, size));
    await this.#inParts(at, size, length, async (UploadId, PartNumber, from, bytes) => {
      const Body = buffer.subarray(0, bytes);
      await readFully(file, Body, from);
      const sent = await this.#client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
      return sent.ETag;
    });
  }

  /** @param source bucket and key, as `CopySource` wants it */
  async copy(source: string, size: number, to: ObjectPlace): Promise<void> {
    const { copyBytes, parts } = this.#limits;
    // What a writer that died had begun: nobody else puts this object.
    await this.abortAll(to.Bucket, to.Key);
    const length = Math.max(Math.min(copyBytes, 1024 ** 3), Math.ceil(size / parts));
    await this.#inParts(to, size, length, async (UploadId, PartNumber, from, bytes) => {
      const CopySourceRange = `bytes=${from}-${from + bytes - 1}`;
      const copied = await this.#client.send(
        new UploadPartCopyCommand({ ...to, UploadId, PartNumber, CopySource: source, CopySourceRange }),
      );
      return copied.CopyPartResult?.ETag;
    });
  }

  /** Uploads below a prefix that were begun and not completed. */
  async abortAll(bucket: string, prefix: string): Promise<void> {
    for await (const { key, id } of this.#uploads(bucket, prefix)) {
      try {
        await this.#client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: id }));
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown;
      }
    }
  }

  async #inParts(
    at: ObjectPlace,
    size: number,
    length: number,
    part: (id: string, number: number, from: number, bytes: number) => Promise<string | undefined>,
  ): Promise<void> {
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(at));
    const id = UploadId!;
    try {
      const Parts: Part[] = [];
      for (let from = 0; from < size; from += length) {
        const PartNumber = Parts.length + 1;
        Parts.push({ PartNumber, ETag: await part(id, PartNumber, from, Math.min(length, size - from)) });
      }
      await this.#complete(at, id, Parts, size);
    } catch (thrown) {
      // Should this fail too, the next opening finds the upload.
      await this.#client.send(new AbortMultipartUploadCommand({ ...at, UploadId: id })).catch(() => {});
      throw thrown;
    }
  }

  async #complete(at: ObjectPlace, UploadId: string, Parts: Part[], size: number): Promise<void> {
    try {
      await this.#client.send(
        new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
      );
    } catch (thrown) {
      // Completed already, by a request whose answer was lost.
      if (!isMissing(thrown)) throw thrown;
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(at));
      if (ContentLength !== size) throw thrown;
    }
  }

  async *#uploads(
    Bucket: string,
    Prefix: string,
  ): AsyncGenerator<{ readonly key: string; readonly id: string }> {
    let after: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | null = {};
    while (after !== null) {
      const page = await this.#listed({ Bucket, Prefix, ...after });
      for (const { Key, UploadId } of page?.Uploads ?? [])
        if (Key !== undefined && UploadId !== undefined) yield { key: Key, id: UploadId };
      after =
        page?.IsTruncated === true && page.NextKeyMarker !== undefined
          ? {
              KeyMarker: page.NextKeyMarker,
              ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
            }
          : null;
    }
  }

  async #listed(input: ConstructorParameters<typeof ListMultipartUploadsCommand>[0]) {
    try {
      return await this.#client.send(new ListMultipartUploadsCommand(input));
    } catch (thrown) {
      // A store that cannot tell has to expire them by itself.
      if (serviceFailure(thrown)?.status === 501) return null;
      throw thrown;
    }
  }
}

async function readFully(file: FileHandle, into: Buffer, from: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, from + done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was put');
    done += bytesRead;
  }
}
