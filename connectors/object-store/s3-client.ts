import { S3Client } from '@aws-sdk/client-s3';

export interface S3Account {
  readonly region: string;
  /** null: Amazon's. Others are spoken to with the bucket in the path. */
  readonly endpoint: string | null;
  /** null: the client's own search (environment, profile, instance role). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

/** @param attempts 1 for what must not be done twice: a create whose answer was lost would find its own object */
export function openS3(account: S3Account, attempts?: number): S3Client {
  return new S3Client({
    region: account.region,
    forcePathStyle: account.endpoint !== null,
    ...(account.endpoint === null ? {} : { endpoint: account.endpoint }),
    ...(account.credentials === null ? {} : { credentials: account.credentials }),
    // Other stores than Amazon's do not know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(attempts === undefined ? {} : { maxAttempts: attempts }),
  });
}
