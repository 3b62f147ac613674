import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { nodeEd25519 } from '../../src/audit/ed25519/node-ed25519.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { parseVerifierKey } from '../../src/audit/note.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { prove } from '../../src/audit/proof/prove.ts';
import { INDEX_SPACING } from '../../src/audit/row-index/row-index.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { HeadVerifier } from '../../src/audit/verify/signature.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { KEY_TAG_BYTES } from '../../src/model/masked.ts';
import { at } from '../support/masked.ts';
import { retagged, UnsyncedDisk, WORKLOAD_TABLE, workloadRun } from '../support/sealed-workload.ts';

/**
 * The audit log alone: sealing, verifying, and proving a row. Rates are of CPU time of this process (the machine may be
 * shared), least of several rounds. Method: docs/benchmarks.md.
 */
const options = await yargs(hideBin(process.argv))
  .scriptName('npm run bench -- audit')
  .option('records', { type: 'number', default: 1_000_000, describe: 'Records that are sealed and verified' })
  .option('proof-records', {
    type: 'number',
    default: 10_000_000,
    describe: 'Records among which a row is proven; 0: none',
  })
  .option('group', { type: 'number', default: 5_000, describe: 'Rows of a group, in thousands' })
  .option('rounds', { type: 'number', default: 5, describe: 'Rounds; the least of them is printed' })
  .option('json', { type: 'boolean', default: false })
  .strict()
  .parseAsync();

const ORIGIN = 'rowseal/bench';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const RUN = 1_000;
/** Made once: what masked rows cost to make is not the log's. */
const RUNS = Array.from({ length: 50 }, (_, i) => workloadRun(i + 1, i * RUN, RUN));
/** Row keys, spread as HMACs are. */
const TAGS = Array.from({ length: 200 }, () => randomBytes(RUN * KEY_TAG_BYTES));
/** The row that is proven: it comes once in so many runs. */
const PROVEN_TAG = Buffer.from('5eed'.repeat(8), 'hex');

/** @returns microseconds of CPU a record */
async function sealed(
  directory: string,
  records: number,
  settings: {
    readonly disclosure?: 'row' | 'column';
    readonly index?: boolean;
    readonly seldom?: boolean;
  } = {},
): Promise<number> {
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    disk: new UnsyncedDisk(),
    lock: () => async () => {},
    disclosure: () => settings.disclosure ?? 'row',
    indexSpacing: settings.index === false ? [Number.MAX_VALUE, Number.MAX_VALUE] : INDEX_SPACING,
  });
  let microseconds = 0;
  for (let number = 1; (number - 1) * options.group < records; number++) {
    const runs = Array.from({ length: options.group / RUN }, (_, i) => {
      const pick = number * 7 + i;
      const tags = settings.seldom === true ? randomBytes(RUN * KEY_TAG_BYTES) : TAGS[pick % TAGS.length]!;
      if (settings.seldom === true && i === 0 && number % 400 === 1) tags.set(PROVEN_TAG);
      return retagged(RUNS[pick % RUNS.length]!, tags);
    });
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

async function verified(directory: string): Promise<number> {
  const began = process.cpuUsage();
  const report = await verifyAudit({ directory, key });
  const { user, system } = process.cpuUsage(began);
  if (exitOf(report) !== 0) throw new Error(JSON.stringify(report.problems));
  return (user + system) / report.records;
}

interface ProofFigures {
  readonly records: number;
  readonly first_ms: number;
  readonly median_ms: number;
  /** Least CPU time of one. */
  readonly cpu_ms: number;
  readonly proof_bytes: number;
  readonly versions: number;
  readonly lookup_bytes_per_record: number;
}

async function proofs(directory: string): Promise<ProofFigures> {
  await sealed(directory, options['proof-records'], { seldom: true });
  const request = {
    directory,
    table: WORKLOAD_TABLE,
    subject: { kind: 'row' as const, tags: [PROVEN_TAG.toString('hex')] },
    atUs: null,
    columns: null,
  };
  const signers = [new HeadVerifier(parseVerifierKey(key)!, nodeEd25519)];
  const times: number[] = [];
  let [bytes, versions, cpu] = [0, 0, Infinity];
  for (let round = 0; round < 8; round++) {
    const beganMs = performance.now();
    const began = process.cpuUsage();
    // A new disk each time: nothing is kept but files.
    const { text, report } = await prove(new NodeDisk(), request, signers);
    times.push(performance.now() - beganMs);
    const { user, system } = process.cpuUsage(began);
    cpu = Math.min(cpu, (user + system) / 1000);
    if (report.problems.length > 0 || !report.complete) throw new Error(JSON.stringify(report.problems));
    bytes = text.length;
    versions = report.versions.length;
  }
  const [first, ...rest] = times;
  const lookup = join(directory, 'lookup');
  let kept = 0;
  for (const name of await readdir(lookup, { recursive: true })) {
    const entry = await stat(join(lookup, name));
    if (entry.isFile()) kept += entry.size;
  }
  return {
    records: options['proof-records'],
    first_ms: first!,
    median_ms: rest.toSorted((a, b) => a - b)[Math.floor(rest.length / 2)]!,
    cpu_ms: cpu,
    proof_bytes: bytes,
    versions,
    lookup_bytes_per_record: kept / options['proof-records'],
  };
}

const root = await mkdtemp(join(tmpdir(), 'rowseal-bench-'));
try {
  const least = { seal: Infinity, seal_without_index: Infinity, seal_columns: Infinity, verify: Infinity };
  for (let round = 0; round < options.rounds; round++) {
    const directory = (name: string): string => join(root, `${name}-${round}`);
    least.seal = Math.min(least.seal, await sealed(directory('a'), options.records));
    least.verify = Math.min(least.verify, await verified(directory('a')));
    least.seal_without_index = Math.min(
      least.seal_without_index,
      await sealed(directory('b'), options.records, { index: false }),
    );
    least.seal_columns = Math.min(
      least.seal_columns,
      await sealed(directory('c'), options.records / 5, { disclosure: 'column' }),
    );
    for (const name of ['a', 'b', 'c']) await rm(directory(name), { recursive: true });
  }
  const proof = options['proof-records'] > 0 ? await proofs(join(root, 'proofs')) : null;
  if (options.json) process.stdout.write(`${JSON.stringify({ ...least, proof })}\n`);
  else {
    const line = (name: string, us: number): void => {
      process.stdout.write(
        `${name.padEnd(46)} ${us.toFixed(2)} µs, ${Math.round(1e6 / us).toLocaleString('en')} a second\n`,
      );
    };
    line('seal, 8 columns, a signature a group', least.seal);
    line('  without the row index', least.seal_without_index);
    line('  each column committed to for itself', least.seal_columns);
    line('verify', least.verify);
    if (proof !== null)
      process.stdout.write(
        `a row of ${proof.versions} records among ${proof.records.toLocaleString('en')}: proven and checked in ${proof.median_ms.toFixed(0)} ms (${proof.cpu_ms.toFixed(0)} of CPU), the first time in ${proof.first_ms.toFixed(0)}; ${proof.proof_bytes.toLocaleString('en')} bytes; look-up files ${proof.lookup_bytes_per_record.toFixed(1)} bytes a record\n`,
      );
  }
} finally {
  await rm(root, { recursive: true });
}
