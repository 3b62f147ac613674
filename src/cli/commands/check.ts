import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CommandModule } from 'yargs';
import { lockHolder } from '../../audit/lock.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { describeSigningKey } from '../../config/signing-key.ts';
import { Exit } from '../../error/exit.ts';
import { toRowsealError } from '../../error/unexpected.ts';
import type { CompiledPolicy } from '../../mask/policy.ts';
import type { Finding } from '../../model/finding.ts';
import type { TableSchema } from '../../model/table.ts';
import { terminal } from '../context.ts';
import { printFinding, summarize } from '../findings.ts';
import { makeSink } from '../make-sink.ts';
import { makeSource } from '../make-source.ts';
import { witnessKeys } from '../outside.ts';
import { loadSigner } from '../signer.ts';
import { checkedViews, sinkMask, viewFindings } from '../sink-masks.ts';
import { makePolicy } from '../wire.ts';

interface CheckArguments {
  readonly config: string;
  readonly json: boolean;
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: 'check',
  describe: 'Look at source, policy, keys, audit directory and sinks before a run',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 check', 'every finding with its fix'),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const config = loadConfig(argv.config, process.env);
    const t = terminal(argv.json);
    const findings: Finding[] = [
      { level: 'ok', code: null, subject: 'configuration', detail: argv.config, fix: null },
    ];
    findings.push(
      ...(await checkSourceAndPolicy(config)),
      await checkKeys(config),
      ...checkWitnesses(config),
      ...(await checkAuditDirectory(config)),
    );
    for (const sink of config.sinks)
      for (const finding of await (await makeSink(sink, config)).preflight())
        findings.push(besideRun(finding, config));
    for (const finding of findings) printFinding(t, finding);
    t.out(summarize(findings));
    t.result({ findings });
    process.exitCode = findings.some((finding) => finding.level === 'error') ? Exit.failure : Exit.ok;
  },
};

async function checkSourceAndPolicy(config: RowsealConfig): Promise<readonly Finding[]> {
  const source = (await makeSource(config))();
  const findings: Finding[] = [];
  try {
    findings.push(...(await source.preflight()));
    if (findings.some((finding) => finding.subject === 'source' && finding.level === 'error')) {
      return [
        ...findings,
        {
          level: 'not-checked',
          code: null,
          subject: 'policy',
          detail: 'the source cannot be read',
          fix: null,
        },
      ];
    }
    const tables = await source.tables();
    const policy = makePolicy(config);
    policy.check(tables);
    const { decided, columns } = policy.coverage(tables);
    findings.push({
      level: decided === columns ? 'ok' : 'warning',
      code: null,
      subject: 'policy',
      detail: `${decided}/${columns} columns decided`,
      fix: null,
    });
    findings.push(...checkSinkMasks(config, policy, tables));
  } catch (thrown) {
    findings.push(asFinding('policy', thrown));
  } finally {
    await source.close();
  }
  return findings;
}

/** What sinks get otherwise than the policy says, and whether they may. */
function checkSinkMasks(
  config: RowsealConfig,
  policy: CompiledPolicy,
  tables: readonly TableSchema[],
): readonly Finding[] {
  return config.sinks.flatMap((sink) => {
    const mask = sinkMask(config, sink);
    if (mask === null) return [];
    try {
      return viewFindings(sink.name, checkedViews(mask, policy, tables));
    } catch (thrown) {
      return [asFinding(`sink ${sink.name}`, thrown)];
    }
  });
}

async function checkKeys(config: RowsealConfig): Promise<Finding> {
  try {
    loadSigner(config);
    return {
      level: 'ok',
      code: null,
      subject: 'signing key',
      detail: describeSigningKey(config.audit.key),
      fix: null,
    };
  } catch (thrown) {
    return asFinding('signing key', thrown);
  }
}

function checkWitnesses(config: RowsealConfig): readonly Finding[] {
  const { quorum } = config.audit.witness;
  try {
    const names = witnessKeys(config).map(({ name }) => name);
    if (names.length === 0) return [];
    const detail = `${names.join(', ')}; quorum ${quorum}`;
    return [{ level: 'ok', code: null, subject: 'witnesses', detail, fix: null }];
  } catch (thrown) {
    return [asFinding('witnesses', thrown)];
  }
}

async function checkAuditDirectory(config: RowsealConfig): Promise<readonly Finding[]> {
  const { directory } = config.audit;
  let existing = directory;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  const { bavail, bsize } = await statfs(existing);
  const free = Math.round((bavail * bsize) / 1e9);
  return [
    {
      level: free < 1 ? 'warning' : 'ok',
      code: null,
      subject: 'audit directory',
      detail: `${directory}, ${free} GB free`,
      fix: free < 1 ? 'free space on this volume' : null,
    },
  ];
}

/** A DuckDB file is open in one process: when that is the one that holds the audit directory, all is as it should be. */
function besideRun(finding: Finding, { audit }: RowsealConfig): Finding {
  const holder = lockHolder(audit.directory);
  if (finding.code !== 'RS-DUCK-002' || !finding.detail.endsWith(`held by process ${holder}`)) return finding;
  return {
    level: 'ok',
    code: null,
    subject: finding.subject,
    detail: `open in the running pipeline, process ${holder}`,
    fix: null,
  };
}

function asFinding(subject: string, thrown: unknown): Finding {
  const error = toRowsealError(thrown);
  return { level: 'error', code: error.code, subject, detail: error.message, fix: error.fix };
}
