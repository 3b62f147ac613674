import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileStore } from './file-store.ts';
import { LocalStore } from './local-store.ts';
import type { ParquetPlace } from './options.ts';

/** The S3 client is loaded only by those who need it. */
export async function openStore(place: ParquetPlace): Promise<FileStore> {
  if (place.kind === 'directory') return new LocalStore(place.path);
  const { S3Store } = await import('./s3-store.ts');
  return new S3Store(place);
}

export function placeName(place: ParquetPlace): string {
  return place.kind === 'directory' ? place.path : `s3://${place.bucket}/${place.prefix}`;
}

/** Reads only. @returns what there is, for people */
export async function lookAt(place: ParquetPlace): Promise<string> {
  if (place.kind === 's3') {
    const store = await openStore(place);
    try {
      const empty = await store.isEmpty('_rowseal');
      return empty ? `${store.place}, empty so far` : store.place;
    } finally {
      store.close();
    }
  }
  let existing = place.path;
  while (!(await exists(existing)) && dirname(existing) !== existing) existing = dirname(existing);
  await access(existing, constants.W_OK);
  return existing === place.path ? place.path : `${place.path} will be created`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
