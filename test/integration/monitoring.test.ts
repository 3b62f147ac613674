import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';

const FOLDER = fileURLToPath(new URL('../../examples/monitoring', import.meta.url));
const OPERATIONS = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
const PROMTOOL = process.env['ROWSEAL_PROMTOOL'] ?? 'promtool';
const hasPromtool = spawnSync(PROMTOOL, ['--version'], { stdio: 'ignore' }).status === 0;
if (!hasPromtool)
  console.error(
    '\n!! No promtool here (Debian: apt-get install prometheus).\n!! ITS CHECKS OF RULES AND METRICS ARE SKIPPED.\n',
  );

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules = (
  parse(readFileSync(join(FOLDER, 'rowseal-alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(FOLDER, 'rowseal-dashboard.json'), 'utf8')) as {
  panels: Panel[];
};

/** Where an expression, a legend or a summary names a metric and its labels. */
const uses = [
  ...rules.map(({ alert, expr, annotations }) => ({
    where: alert,
    expr,
    labels: Object.values(annotations).flatMap(templateLabels),
  })),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    (targets ?? []).map(({ expr, legendFormat }) => ({
      where: title,
      expr,
      labels: templateLabels(legendFormat),
    })),
  ),
];

function templateLabels(text: string): readonly string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map((match) => match[1]!);
}

/** Names of series in PromQL, without the endings of a histogram. */
function metricsIn(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:rowseal|nodejs|process)_\w+/g)].map((match) => match[0]);
}

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly intValue?: number | string };
  }[];
}

/** A collector that keeps what it is sent. */
class Collector {
  readonly bodies: { readonly path: string; readonly body: string; readonly token: string | undefined }[] =
    [];
  readonly #server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      this.bodies.push({ path: request.url ?? '', body, token: request.headers['x-token'] as string });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  at(path: string): readonly string[] {
    return this.bodies.filter((sent) => sent.path === path).map(({ body }) => body);
  }

  spans(): readonly Span[] {
    type Sent = { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    return this.at('/v1/traces').flatMap((body) =>
      (JSON.parse(body) as Sent).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans),
      ),
    );
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Of these the scrape must have samples. */
const LOOKED_AT = [
  'rowseal_mask_leaks_total',
  'rowseal_undecided_columns',
  'rowseal_source_retained_bytes',
  'rowseal_audit_volume_free_bytes',
  'rowseal_commit_to_delivery_seconds_count',
];

const collector = new Collector();
let server: TestPostgres;
let client: Client;
let project: TestProject;
let run: RowsealProcess;
let scrape: string;
/** Labels of every metric that has a sample. */
const labelsOf = new Map<string, Set<string>>();
const known = new Set<string>();

describe.skipIf(noPostgres(18))('dashboard and alert rules', () => {
  beforeAll(async () => {
    server = await startPostgres(18);
    await server.createDatabase('shop');
    client = await server.client('shop');
    await client.query(
      'CREATE TABLE customers (id int PRIMARY KEY, email text, note text, birth text, extra text)',
    );
    project = await makeProject({
      url: server.url('shop'),
      tables: ['public.customers'],
      mask: {
        undecided: 'redact',
        leak_guard: { rows: 'every' },
        tables: {
          'public.customers': {
            id: 'keep',
            email: { method: 'token' },
            note: 'keep',
            birth: { method: 'fpe', foreign: 'redact' },
          },
        },
      },
    });
    await project.configure({
      http: { port: project.httpPort },
      telemetry: {
        otlp: {
          endpoint: await collector.start(),
          interval_ms: 1_000,
          headers: { 'x-token': '${env:COLLECTOR_TOKEN}' },
        },
      },
    });
    run = new RowsealProcess(['run', '--config', project.configFile], { COLLECTOR_TOKEN: 'a-secret' });
    await until('streaming', async () => {
      if (!run.running) throw new Error(run.output);
      return (await readStatus(project))?.['state'] === 'streaming';
    });
    // A leak in a kept column, and a value that does not fit.
    await client.query(
      "INSERT INTO customers VALUES (1, 'a@example.com', 'write to ada@example.com', 'unknown to us', 'x')",
    );
    await until('the row', async () => {
      const status = (await readStatus(project)) as { sinks?: { rows: number }[] } | null;
      return (status?.sinks?.[0]?.rows ?? 0) >= 1;
    });
    // What the server keeps is looked at now and then, free space too.
    await until('a scrape with all that is looked at', async () => {
      scrape = await (await fetch(`http://127.0.0.1:${project.httpPort}/metrics`)).text();
      return LOOKED_AT.every((name) => new RegExp(`^${name}\\{.*\\} `, 'm').test(scrape));
    });
    for (const line of scrape.split('\n')) {
      const type = /^# TYPE (\S+) (\S+)/.exec(line);
      if (type !== null) {
        known.add(type[1]!);
        if (type[2] === 'histogram')
          for (const ending of ['_bucket', '_sum', '_count']) known.add(type[1]! + ending);
      }
      const sample = /^(\w+)\{(.*)\} /.exec(line);
      if (sample === null) continue;
      const labels = labelsOf.get(sample[1]!) ?? new Set();
      for (const [, label] of sample[2]!.matchAll(/(\w+)="/g)) labels.add(label!);
      labelsOf.set(sample[1]!, labels);
    }
  }, 300_000);

  afterAll(async () => {
    if (run?.running) await run.terminate();
    collector.close();
    await client?.end();
    await server?.stop();
    await project?.remove();
  });

  it('name metrics and labels of a real scrape only', () => {
    const missing = uses.flatMap(({ where, expr, labels }) => {
      const metrics = metricsIn(expr);
      const named = [
        ...labels,
        ...[...expr.matchAll(/\bby \(([^)]+)\)/g)].flatMap((match) => match[1]!.split(/,\s*/)),
        ...[...expr.matchAll(/[{,]\s*(\w+)\s*(?:=~?|!~|!=)"/g)].map((match) => match[1]!),
      ].filter((label) => !['instance', 'job', 'le'].includes(label));
      const had = new Set(metrics.flatMap((metric) => [...(labelsOf.get(metric) ?? [])]));
      const sampled = metrics.some((metric) => labelsOf.has(metric));
      return [
        ...metrics.filter((metric) => !known.has(metric)).map((metric) => `${where}: ${metric}`),
        ...(sampled
          ? named.filter((label) => !had.has(label)).map((label) => `${where}: label ${label}`)
          : []),
      ];
    });
    expect(missing).toEqual([]);
    // Of those that the rules are about, all but the ones of failures have a sample here.
    for (const name of LOOKED_AT) expect([...labelsOf.keys()]).toContain(name);
  });

  it('measure what the run did', () => {
    const value = (name: string): number =>
      Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(scrape)?.[1]);
    expect(value('rowseal_audit_fsync_duration_seconds_count')).toBeGreaterThan(0);
    expect(value('rowseal_audit_sign_duration_seconds_count')).toBeGreaterThan(0);
    expect(value('rowseal_commit_to_delivery_seconds_count')).toBeGreaterThan(0);
    expect(value('rowseal_audit_volume_free_bytes')).toBeGreaterThan(0);
    expect(value('rowseal_sealed_groups_total')).toBeGreaterThan(0);
    expect(scrape).toMatch(/rowseal_masked_cells_total\{method="token",[^}]*\} 1\n/);
    expect(scrape).toMatch(
      /rowseal_policy_columns\{table="public.customers",decision="undecided",[^}]*\} 1\n/,
    );
  });

  it('go to a collector as well: the same series, and a trace of every group', async () => {
    const childOf = (parent: string, name: string) =>
      collector.spans().find((span) => span.parentSpanId === parent && span.name === name);
    /** Of a group that has all of its spans here: they come in pieces. */
    const whole = () =>
      collector
        .spans()
        .find(
          ({ name, spanId }) =>
            name === 'group' &&
            childOf(spanId, 'seal') !== undefined &&
            childOf(spanId, 'deliver') !== undefined,
        );
    type Sent = {
      resourceMetrics: {
        scopeMetrics: {
          metrics: {
            name: string;
            sum?: object;
            histogram?: { dataPoints: { count: number; bucketCounts: number[] }[] };
          }[];
        }[];
      }[];
    };
    const last = () =>
      (
        JSON.parse(collector.at('/v1/metrics').at(-1) ?? '{"resourceMetrics":[]}') as Sent
      ).resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    await until('metrics and spans', () => {
      const names = last().map(({ name }) => name);
      return (
        [
          'rowseal_changes_total',
          'rowseal_pipeline_state',
          'rowseal_delivery_lag_seconds',
          'rowseal_seal_duration_seconds',
        ].every((name) => names.includes(name)) && whole() !== undefined
      );
    });
    const [point] = last().find(({ name }) => name === 'rowseal_seal_duration_seconds')!.histogram!
      .dataPoints;
    expect(point!.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(Number(point!.count));
    expect(collector.bodies.every(({ token }) => token === 'a-secret')).toBe(true);

    const root = whole()!;
    const [deliver, seal] = [childOf(root.spanId, 'deliver')!, childOf(root.spanId, 'seal')!];
    expect([deliver.traceId, seal.traceId]).toEqual([root.traceId, root.traceId]);
    const group = (span: Span) =>
      Number(span.attributes.find(({ key }) => key === 'rowseal.group')!.value.intValue);
    expect([group(seal), group(deliver)]).toEqual([group(root), group(root)]);
    // Nothing of a row, nor the secret.
    expect(collector.bodies.map(({ body }) => body).join()).not.toMatch(
      /@example\.com|unknown to us|a-secret/,
    );
  });

  it('lead to a runbook', () => {
    const headings = [...readFileSync(OPERATIONS, 'utf8').matchAll(/^#+ (.+)$/gm)].map(
      (match) => `docs/operations.md#${match[1]!.toLowerCase().replaceAll(' ', '-')}`,
    );
    for (const { alert, annotations, labels } of rules) {
      expect(annotations['runbook']).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(headings).toContain(annotations['runbook']);
      expect(['page', 'ticket']).toContain(labels.severity);
    }
  });

  it('fit on a screen of 24 columns', () => {
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    const places = dashboard.panels.map(({ gridPos }) => `${gridPos.x}/${gridPos.y}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it.skipIf(!hasPromtool)('tell of the first event of a series', () => {
    const table = 'pipeline="p", table="public.t", column="c"';
    const expected = [
      ['RowsealLeak', `rowseal_mask_leaks_total{${table}, kind="email"}`],
      ['RowsealUnfitValues', `rowseal_mask_unfit_values_total{${table}, reason="foreign"}`],
      ['RowsealFork', 'rowseal_witness_failures_total{pipeline="p", witness="w", code="RS-WIT-005"}'],
      ['RowsealFork', 'rowseal_anchor_failures_total{pipeline="p", anchor="a", code="RS-WIT-005"}'],
    ] as const;
    const tests = expected.map(([name, series]) => {
      const { expr } = rules.find(({ alert }) => alert === name)!;
      return {
        interval: '1m',
        // Not there for ten minutes, then three at once, and no more.
        input_series: [{ series, values: '_x10 3x60' }],
        promql_expr_test: [
          { expr, eval_time: '5m', exp_samples: [] },
          { expr, eval_time: '12m', exp_samples: [{ labels: series, value: 3 }] },
        ],
      };
    });
    const directory = mkdtempSync(join(tmpdir(), 'rowseal-rules-'));
    const file = join(directory, 'test.yaml');
    writeFileSync(file, stringify({ tests }));
    const run = spawnSync(PROMTOOL, ['test', 'rules', file], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect(run.status, run.stdout + run.stderr).toBe(0);
  });

  it.skipIf(!hasPromtool)('are taken by promtool, and so is the scrape', () => {
    const check = spawnSync(PROMTOOL, ['check', 'rules', 'rowseal-alerts.yaml'], {
      cwd: FOLDER,
      encoding: 'utf8',
    });
    expect(check.stdout).toContain(`SUCCESS: ${rules.length} rules found`);
    const config = spawnSync(PROMTOOL, ['check', 'config', '--syntax-only', 'prometheus.yaml'], {
      cwd: FOLDER,
      encoding: 'utf8',
    });
    expect(config.status).toBe(0);
    const metrics = spawnSync(PROMTOOL, ['check', 'metrics'], { input: scrape, encoding: 'utf8' });
    const ours = metrics.stderr.split('\n').filter((line) => line.startsWith('rowseal_'));
    expect(ours).toEqual([]);
  });
});
