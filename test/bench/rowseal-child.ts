import { wirePipeline } from '../../src/cli/wire.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { PipelineObserver } from '../../src/pipeline/observer.ts';

/**
 * One pipeline in a process of its own: streams until as many rows as asked are durable in the sink, then prints what it
 * took. The clock runs from the moment the stream (or, with `copy`, the first copy) is asked for to the commit of the last batch.
 */
const [configFile, rowsText, what = 'stream'] = process.argv.slice(2) as [string, string, string?];
const clockedState = what === 'copy' ? 'snapshot' : 'streaming';
const rows = Number(rowsText);
let delivered = 0;
let groups = 0;
let startedMs = 0;
let startedCpu = process.cpuUsage();
const finished = Promise.withResolvers<void>();
const observer: PipelineObserver = {
  stateChanged(state, reason) {
    if (reason !== null) finished.reject(reason);
    if (state !== clockedState || startedMs !== 0) return;
    startedMs = performance.now();
    startedCpu = process.cpuUsage();
  },
  masked() {},
  groupSealed() {
    groups++;
  },
  batchDelivered(_sink, batch) {
    delivered += batch.rows;
    if (delivered >= rows) finished.resolve();
  },
  problem(_where, _name, error) {
    finished.reject(error);
  },
  sinkFailed(_sink, error) {
    finished.reject(error);
  },
  storageFailed(error) {
    finished.reject(error);
  },
  undecidedColumns() {},
  unfitValues() {},
  leaks() {},
  warning() {},
};
const { pipeline, close } = await wirePipeline(loadConfig(configFile, process.env), observer);
const run = pipeline.run();
if (rows > 0) await Promise.race([finished.promise, run]);
else
  while (pipeline.state !== 'streaming' || pipeline.progress.sealed?.position.phase !== 'stream')
    await new Promise((resolve) => setTimeout(resolve, 50));
const seconds = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(startedCpu);
pipeline.stop();
await run;
await close();
process.stdout.write(
  `${JSON.stringify({ rows: delivered, groups, seconds, cpu_seconds: (cpu.user + cpu.system) / 1e6, peak_rss_bytes: process.resourceUsage().maxRSS * 1024 })}\n`,
);
