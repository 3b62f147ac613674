import type { BigquerySinkOptions } from '../../connectors/sinks/bigquery/options.ts';
import { createBigquerySink } from '../../connectors/sinks/bigquery/sink.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { BigqueryFake } from './bigquery-fake.ts';
import { BigqueryTarget, testOptions } from './bigquery-target.ts';
import { BigqueryWriteFake } from './bigquery-write-fake.ts';

/** Both interfaces of a fake BigQuery, datasets in it, and the sinks that a test opens. */
export class BigqueryRoom {
  readonly fake: BigqueryFake;
  readonly write: BigqueryWriteFake;
  #datasets = 0;
  #sinks: Sink[] = [];

  private constructor(fake: BigqueryFake, write: BigqueryWriteFake) {
    this.fake = fake;
    this.write = write;
  }

  static async start(): Promise<BigqueryRoom> {
    const fake = await BigqueryFake.start();
    return new BigqueryRoom(fake, await BigqueryWriteFake.start(fake));
  }

  target(mode: 'merge' | 'cdc'): BigqueryTarget {
    const dataset = `d_${this.#datasets++}`;
    this.fake.addDataset(dataset);
    const { project, url } = this.fake;
    const addresses = { rest: url, grpc: this.write.address };
    const address = {
      project,
      dataset,
      mode,
      history: 'all',
      fake: addresses,
      pieceBytes: 2_000_000,
    } as const;
    return new BigqueryTarget(address, this.fake);
  }

  open(at: BigqueryTarget, changes: Partial<BigquerySinkOptions> = {}): Sink {
    const sink = createBigquerySink(testOptions(at.address, changes));
    this.#sinks.push(sink);
    return sink;
  }

  /** Nothing goes wrong any more, and no sink is open. */
  async tidy(): Promise<void> {
    this.fake.fault = () => null;
    this.fake.jobFault = () => null;
    this.fake.jobWait = () => null;
    this.fake.tokens = null;
    this.write.fault = () => null;
    this.write.schemaLagMs = 0;
    for (const sink of this.#sinks.splice(0)) await sink.close();
  }

  async stop(): Promise<void> {
    this.write.stop();
    await this.fake.stop();
  }
}
