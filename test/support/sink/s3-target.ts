import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ParquetSinkOptions } from '../../../connectors/sinks/parquet/options.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import type { CutSink } from '../../contract/sink-contract.ts';
import type { FakeS3 } from './fake-s3.ts';
import { ParquetTarget } from './parquet-target.ts';

let prefixes = 0;

/** A prefix of a bucket; to be read, its objects are written into a directory. */
export class S3Target extends ParquetTarget {
  override readonly address: ParquetSinkOptions;
  readonly #s3: FakeS3;
  readonly #prefix = `lake/${prefixes++}`;

  constructor(s3: FakeS3, endpoint: string) {
    super();
    this.#s3 = s3;
    this.address = {
      ...this.base(),
      place: {
        kind: 's3',
        bucket: 'bucket',
        prefix: this.#prefix,
        region: 'us-east-1',
        endpoint,
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
        workDirectory: join(this.directory, 'work'),
      },
    };
  }

  /** The commit is the PUT of a manifest. */
  override async cutSink(): Promise<CutSink> {
    return {
      sink: this.sink(),
      cutNextCommit: (when) => {
        this.#s3.cut = { key: `${this.#prefix}/_rowseal/manifests/`, when };
      },
      close: async () => {
        this.#s3.cut = null;
      },
    };
  }

  override async occupy(table: MaskedTable): Promise<void> {
    const name = `tables/schema=${table.namespace}/table=${table.name}/mine.parquet`;
    this.#s3.objects.set(`bucket/${this.#prefix}/${name}`, Buffer.alloc(0));
  }

  override async drop(): Promise<void> {
    for (const name of this.#own()) this.#s3.objects.delete(name);
    await super.drop();
  }

  protected override async refresh(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    for (const name of this.#own()) {
      const file = join(this.directory, name.slice(`bucket/${this.#prefix}/`.length));
      await mkdir(dirname(file), { recursive: true });
      const object = this.#s3.objects.get(name)!;
      const views = file.endsWith('views.sql');
      // A reader's DuckDB would read from the bucket.
      await writeFile(
        file,
        views ? object.toString().replaceAll(`s3://bucket/${this.#prefix}`, this.directory) : object,
      );
    }
  }

  #own(): readonly string[] {
    return [...this.#s3.objects.keys()].filter((name) => name.startsWith(`bucket/${this.#prefix}/`));
  }
}
