import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { parseSignedHead } from '../../audit/note.ts';
import { loadConfig, type RowsealConfig } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { PipelineStatus, SinkStatus } from '../../pipeline/status.ts';
import { askRunning, localAddress } from '../ask-running.ts';
import { type Terminal, terminal } from '../context.ts';
import { count } from '../layout.ts';

interface StatusArguments {
  readonly config: string;
  readonly json: boolean;
}

export const statusCommand: CommandModule<object, StatusArguments> = {
  command: 'status',
  describe: 'Positions, lag and heads of a running pipeline, or what its directory says when it is down',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 status --json | jq .state', 'for scripts'),
  handler: async (argv) => {
    const config = loadConfig(argv.config, process.env);
    const t = terminal(argv.json);
    const answer = config.http.enabled
      ? await askRunning(config, `/pipelines/${config.pipeline}/status.json`, process.env)
      : null;
    if (answer?.status === 401)
      throw new RowsealError('RS-HTTP-004', { detail: `${config.http.host}:${config.http.port}` });
    const live = answer?.status === 200 ? (JSON.parse(answer.body) as PipelineStatus) : null;
    if (live !== null) print(t, live);
    else {
      const head = offlineHead(config);
      const { host, port } = localAddress(config);
      t.out(
        `${config.pipeline}: ${t.paint('yellow', 'not running')} (${config.http.enabled ? `no answer on ${host}:${port}` : 'http.enabled is false: nobody to ask'})`,
      );
      t.out(
        head === null
          ? 'no signed head was published yet'
          : `sealed groups  ${head.size}, by the head kept in ${config.audit.directory}`,
      );
      t.result({ pipeline: config.pipeline, state: 'not running', sealed_groups: head?.size ?? null });
    }
    process.exitCode = live === null ? Exit.failure : Exit.ok;
  },
};

function offlineHead(config: RowsealConfig): { readonly size: number } | null {
  try {
    return (
      parseSignedHead(readFileSync(join(config.audit.directory, 'journal', 'head'), 'utf8'))?.head ?? null
    );
  } catch {
    return null;
  }
}

function behind(sink: SinkStatus): string {
  const parts = [count(sink.behind_groups, 'group')];
  if (sink.behind_groups > 0) {
    if (sink.behind_bytes !== null) parts.push(`${sink.behind_bytes} bytes`);
    if (sink.behind_ms !== null) parts.push(`${Math.round(sink.behind_ms)} ms`);
  }
  return parts.join(', ');
}

function print(t: Terminal, status: PipelineStatus): void {
  t.out(
    `${status.pipeline}: ${t.paint(status.reason === null ? 'green' : 'yellow', status.state)} since ${status.since}`,
  );
  if (status.reason !== null)
    t.out(`  ${status.reason.code} ${status.reason.title}\n  fix: ${status.reason.fix}`);
  t.out(`source   ${status.source.position ?? 'nothing sealed yet'}`);
  const { spill } = status.source;
  if (spill !== null && spill.transactions > 0)
    t.out(
      `kept     ${spill.bytes} bytes of ${count(spill.transactions, 'transaction')} until their end, encrypted`,
    );
  t.out(`sealed   group ${status.sealed.group ?? '–'} at ${status.sealed.sealed_at ?? '–'}`);
  for (const sink of status.sinks) {
    t.out(
      `${sink.name.padEnd(8)} ${sink.state}, group ${sink.group ?? '–'}, behind ${behind(sink)}, ${sink.rows} rows, ${sink.dead_letters} dead letters`,
    );
    if (sink.error !== null) {
      const next = sink.retry_at === null ? '' : `; next try at ${sink.retry_at}`;
      t.out(`  ${t.paint('yellow', sink.error.code)} ${sink.error.title}${next}\n  fix: ${sink.error.fix}`);
    }
  }
  if (status.reload !== null) {
    const { at, outcome, error, restart_needed: restart } = status.reload;
    t.out(`reload   ${outcome} at ${at}`);
    if (error !== null) t.out(`  ${t.paint('yellow', error.code)} ${error.title}\n  fix: ${error.fix}`);
    if (restart.length > 0) t.out(`  wait for a restart: ${restart.join(', ')}`);
  }
  printOutside(t, status);
  t.result(status);
}

function printOutside(t: Terminal, { witnesses, anchors }: PipelineStatus): void {
  if (witnesses !== null) {
    t.out(
      `quorum   ${t.paint(witnesses.met ? 'green' : 'red', witnesses.met ? 'met' : 'missing')}: ${witnesses.quorum} of ${witnesses.members.length} witnesses, ${witnesses.groups ?? 0} groups at ${witnesses.cosigned_at ?? '–'}`,
    );
    for (const { name, groups, cosigned_at: at, failures, error } of witnesses.members)
      t.out(
        `  ${name}: ${groups ?? 0} groups at ${at ?? '–'}, ${failures} failures${error === null ? '' : `; ${error.code} ${error.title}`}`,
      );
  }
  for (const { name, place, groups, kept_at: at, failures, error } of anchors)
    t.out(
      `anchor   ${name} (${place}): ${groups ?? 0} groups at ${at ?? '–'}, ${failures} failures${error === null ? '' : `; ${error.code} ${error.title}`}`,
    );
}
