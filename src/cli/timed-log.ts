import type { Disk, DiskFile } from '../audit/disk.ts';

type Tell = (seconds: number) => void;

/** A disk that tells how long every fsync took. */
export function timedDisk(disk: Disk, tell: Tell): Disk {
  return {
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    size: (path) => disk.size(path),
    read: (path, offset, length) => disk.read(path, offset, length),
    open: async (path) => timedFile(await disk.open(path), tell),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    freeBytes: (path) => disk.freeBytes(path),
  };
}

function timedFile(file: DiskFile, tell: Tell): DiskFile {
  return {
    write: (pieces, position) => file.write(pieces, position),
    sync: async () => {
      const start = performance.now();
      await file.sync();
      tell((performance.now() - start) / 1000);
    },
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}

/** A signer that tells how long every signature took; whatever else it has is the signer's own. */
export function timedSigner<S extends { sign(...of: never[]): unknown }>(signer: S, tell: Tell): S {
  const sign = (...of: never[]): unknown => {
    const start = performance.now();
    const done = (): void => tell((performance.now() - start) / 1000);
    const signed = signer.sign(...of);
    if (signed instanceof Promise) return signed.finally(done);
    done();
    return signed;
  };
  return new Proxy(signer, {
    get: (target, name) => {
      if (name === 'sign') return sign;
      // Private fields want the signer itself as `this`.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
