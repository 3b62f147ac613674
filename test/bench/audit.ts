import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { at } from '../support/masked.ts';
import { UnsyncedDisk, workloadRun } from '../support/sealed-workload.ts';

/**
 * The audit log alone: sealing, verifying, and proving a row. Rates are of CPU time of this process (the machine may be
 * shared); wall time is printed beside. Method: docs/benchmarks.md.
 */
const options = await yargs(hideBin(process.argv))
  .scriptName('npm run bench -- audit')
  .option('records', { type: 'number', default: 1_000_000, describe: 'Records that are sealed and verified' })
  .option('group', { type: 'number', default: 5_000, describe: 'Rows of a group' })
  .option('rounds', { type: 'number', default: 3 })
  .option('json', { type: 'boolean', default: false })
  .strict()
  .parseAsync();

const ORIGIN = 'rowseal/bench';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);

async function sealed(directory: string, records: number): Promise<number> {
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    disk: new UnsyncedDisk(),
    lock: () => async () => {},
  });
  let microseconds = 0;
  for (let number = 1; number * options.group <= records; number++) {
    const runs = Array.from({ length: options.group / RUN }, (_, i) => RUNS[(number * 7 + i) % RUNS.length]!);
    const began = process.cpuUsage();
    const group = log.begin();
    for (const events of runs) await group.append(events);
    await group.seal(at(number));
    const { user, system } = process.cpuUsage(began);
    microseconds += user + system;
  }
  await log.close();
  return microseconds / records;
}

const RUN = 1_000;
/** Made once: what masked rows cost to make is not the log's. */
const RUNS = Array.from({ length: 50 }, (_, i) => workloadRun(i + 1, i * RUN, RUN));

const root = await mkdtemp(join(tmpdir(), 'rowseal-bench-'));
try {
  let [seal, verify] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < options.rounds; round++) {
    const directory = join(root, `${round}`);
    seal = Math.min(seal, await sealed(directory, options.records));
    const began = process.cpuUsage();
    const report = await verifyAudit({ directory, key });
    const { user, system } = process.cpuUsage(began);
    if (exitOf(report) !== 0) throw new Error(JSON.stringify(report.problems));
    verify = Math.min(verify, (user + system) / report.records);
    await rm(directory, { recursive: true });
  }
  console.log(
    `seal ${seal.toFixed(2)} µs ${(1e6 / seal).toFixed(0)}/s  verify ${verify.toFixed(2)} µs ${(1e6 / verify).toFixed(0)}/s`,
  );
} finally {
  await rm(root, { recursive: true });
}
