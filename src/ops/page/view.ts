import type {
  AnchorStatus,
  PipelineStatus,
  ShownError,
  SinkStatus,
  WitnessStatus,
} from '../../pipeline/status.ts';
import type { Notice, TableStatus } from '../activity.ts';
import type { Picture, Verdict } from '../ops-room.ts';
import type { RecentChange } from '../recent-changes.ts';
import type { Point } from '../throughput.ts';

/*
 * The parts of the status page that change. These functions run in two places: the server makes the first page with them,
 * and sends their text along, so that the browser makes the later ones (script.ts). So they import nothing and name
 * nothing but one another; one that is not in VIEW_FUNCTIONS is not there in the browser. No style attributes: the
 * policy of the page forbids them.
 */

export function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

export function count(value: number | null): string {
  return value === null ? '–' : value.toLocaleString('en-GB');
}

export function byteSize(value: number | null): string {
  if (value === null) return '–';
  const unit = value < 1e3 ? 0 : value < 1e6 ? 1 : value < 1e9 ? 2 : 3;
  return `${(value / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${['B', 'kB', 'MB', 'GB'][unit]}`;
}

export function span(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

export function time(iso: string | null): string {
  return iso === null ? '–' : `<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;
}

export function explained(error: ShownError): string {
  const detail = error.detail === null ? '' : `: ${escapeHtml(error.detail)}`;
  return `<strong>${escapeHtml(error.code)}</strong> ${escapeHtml(error.title)}${detail}<br>fix: <code>${escapeHtml(error.fix)}</code>`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

/** State is a word and a shape, so that it needs no colour. */
export function stateView(state: string, since: string): string {
  const shapes: Record<string, string> = {
    starting: '◌',
    snapshot: '◔',
    streaming: '●',
    waiting: '▲',
    waiting_for_space: '▲',
    halted: '■',
    stopped: '□',
  };
  return `<span class="state ${escapeHtml(state)}"><span aria-hidden="true">${shapes[state] ?? '?'}</span> ${escapeHtml(state.replaceAll('_', ' '))}</span> since ${time(since)} UTC`;
}

export function nowView(p: Picture): string {
  const { source, sealed } = p;
  const copying =
    source.snapshot === null
      ? ''
      : `<dt>copying</dt><dd>${escapeHtml(source.snapshot.table)}, ${count(source.snapshot.rows)} rows${source.snapshot.estimated_rows === null ? '' : ` of about ${count(source.snapshot.estimated_rows)}`}${source.snapshot.seconds_left === null ? '' : `, about ${duration(source.snapshot.seconds_left)} left`}</dd>`;
  const kept =
    source.retention === null
      ? ''
      : `, ${escapeHtml(source.retention.status)}${source.retention.safe_bytes === null ? '' : `, safe for another ${byteSize(source.retention.safe_bytes)}`}`;
  const held =
    source.spill === null || source.spill.transactions === 0
      ? ''
      : `<dt>kept here until its end</dt><dd>${byteSize(source.spill.bytes)} of ${count(source.spill.transactions)} transactions, encrypted</dd>\n`;
  const warnings = source.warnings
    .map(
      ({ code, detail, fix }) =>
        `<dt>${escapeHtml(code ?? 'warning')}</dt><dd>${escapeHtml(detail)}${fix === null ? '' : `<br>fix: <code>${escapeHtml(fix)}</code>`}</dd>`,
    )
    .join('');
  return `<dl>${copying}${warnings}<dt>source position</dt><dd><code>${escapeHtml(source.position ?? '–')}</code></dd>
<dt>last received</dt><dd>${time(source.last_received)}</dd>
<dt>kept for us at the source</dt><dd>${byteSize(source.retained_bytes)}${kept}</dd>
${held}<dt>sealed group</dt><dd>${count(sealed.group)}, signed ${time(sealed.sealed_at)}</dd>
<dt>in memory for sinks</dt><dd>${byteSize(p.queues.bytes)} of ${byteSize(p.queues.max_bytes)}</dd></dl>`;
}

export function sinksView(sinks: readonly SinkStatus[]): string {
  return sinks
    .map((sink) => {
      const next = sink.retry_at === null ? '' : `<br>next try ${time(sink.retry_at)}`;
      const error = sink.error === null ? '' : `<div class="reason">${explained(sink.error)}${next}</div>`;
      const late = sink.behind_groups === 0 ? '' : `, ${span(sink.behind_ms)}`;
      return `<tr><th scope="row">${escapeHtml(sink.name)}</th><td>${sink.error === null ? '' : '<span aria-hidden="true">▲</span> '}${escapeHtml(sink.state)}${error}</td><td>${count(sink.group)}</td><td>${count(sink.behind_groups)}${late}</td><td>${count(sink.rows)}</td><td>${count(sink.retries)}</td><td>${count(sink.dead_letters)}</td></tr>`;
    })
    .join('');
}

export function tablesView(tables: readonly TableStatus[]): string {
  if (tables.length === 0) return '<tr><td colspan="7">no table was sealed yet</td></tr>';
  return tables
    .map((table) => {
      const undecided =
        table.undecided === 0
          ? '0'
          : `<strong><span aria-hidden="true">▲</span> ${count(table.undecided)}</strong>`;
      return `<tr><th scope="row">${escapeHtml(table.name)}</th><td>${count(table.masked)}</td><td>${count(table.left_out)}</td><td>${count(table.kept)}</td><td>${undecided}</td><td>${count(table.changes)}</td><td>${time(table.last_change)}</td></tr>`;
    })
    .join('');
}

export function findingsView(p: Picture): string {
  const undecided: Notice[] = Object.entries(p.undecided_columns)
    .filter(([, columns]) => columns > 0)
    .map(([table, columns]) => ({
      code: 'RS-MASK-001',
      text: `${columns} columns of ${table} have no decision; they are redacted`,
      fix: `decide them under mask.tables.${table}`,
    }));
  const letters: Notice[] = p.sinks
    .filter((sink) => sink.dead_letters > 0)
    .map((sink) => ({
      code: null,
      text: `${count(sink.dead_letters)} values were set aside by ${sink.name}, because its target cannot hold them`,
      fix: 'look into its dead-letter table',
    }));
  const reload: Notice[] = [];
  if (p.reload !== null && p.reload.error !== null) {
    const { code, title, detail, fix } = p.reload.error;
    reload.push({
      code,
      text: `the configuration that was read again is not in force: ${title}${detail === null ? '' : `: ${detail}`}`,
      fix,
    });
  }
  if (p.reload !== null && p.reload.restart_needed.length > 0)
    reload.push({
      code: 'RS-CFG-011',
      text: `changed, and read by a start only: ${p.reload.restart_needed.join(', ')}`,
      fix: 'restart the process',
    });
  const all = [...reload, ...undecided, ...p.findings, ...letters];
  if (all.length === 0) return '<p>None.</p>';
  return `<ul>${all
    .map(
      ({ code, text, fix }) =>
        `<li>${code === null ? '' : `<strong>${escapeHtml(code)}</strong> `}${escapeHtml(text)}${fix === null ? '' : `<br>fix: <code>${escapeHtml(fix)}</code>`}</li>`,
    )
    .join('')}</ul>`;
}

export function recentView(changes: readonly RecentChange[]): string {
  if (changes.length === 0) return '<tr><td colspan="5">none since the start</td></tr>';
  const words: Record<string, string> = {
    c: 'created',
    u: 'updated',
    d: 'deleted',
    r: 'copied',
    t: 'truncated',
  };
  return changes
    .map(({ group, at, table, op, cells }) => {
      const values = cells
        .map(
          ({ column, method, value }) =>
            `<span class="cell" title="${escapeHtml(method)}"><b>${escapeHtml(column)}</b> ${value === null ? '<i>null</i>' : escapeHtml(value)}</span>`,
        )
        .join(' ');
      return `<tr><td>${time(at)}</td><td>${count(group)}</td><td>${escapeHtml(table)}</td><td>${escapeHtml(words[op] ?? op)}</td><td>${values}</td></tr>`;
    })
    .join('');
}

export function verdictView(verdict: Verdict | null): string {
  if (verdict === null) return '';
  if (verdict.kind === 'elsewhere')
    return `<p><strong>Not verified here:</strong> ${escapeHtml(verdict.why)}. Run <code>${escapeHtml(verdict.command)}</code></p>`;
  const { groups, records, signatures, problems, first } = verdict;
  const counted = `${count(groups)} groups, ${count(records)} records, ${count(signatures)} signatures`;
  return problems === 0
    ? `<p><strong>✔ 0 problems</strong> in ${counted}, ${time(verdict.at)}. The key is the one beside the log: an auditor brings a copy, and a head that was kept elsewhere.</p>`
    : `<p><strong>✘ ${count(problems)} problems</strong> in ${counted}, ${time(verdict.at)}: ${escapeHtml(first)}</p>`;
}

/** Two lines of readings over time; the newest at the right edge. The text says what the picture shows. */
export function chartView(
  title: string,
  points: readonly Point[],
  lines: readonly { name: string; of: (point: Point) => number | null }[],
  format: (value: number | null) => string,
): string {
  const width = 600;
  const height = 120;
  const values = lines.map(({ of }) => points.map(of));
  const top = Math.max(1, ...values.flat().map((value) => value ?? 0));
  const step = width / Math.max(1, 149);
  const paths = values.map((line, i) => {
    let path = '';
    let pen = 'M';
    line.forEach((value, j) => {
      if (value === null) {
        pen = 'M';
        return;
      }
      const x = width - (line.length - 1 - j) * step;
      path += `${pen}${x.toFixed(1)} ${(height - 4 - (value / top) * (height - 12)).toFixed(1)}`;
      pen = 'L';
    });
    return `<path class="line${i}" d="${path}"/>`;
  });
  const now = lines.map(({ name }, i) => `${name} ${format(values[i]!.at(-1) ?? null)}`).join(', ');
  return `<figure><figcaption>${escapeHtml(title)}: <b>${escapeHtml(now)}</b>, highest ${escapeHtml(format(top))}</figcaption><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(`${title} over the last five minutes: now ${now}, highest ${format(top)}`)}"><path class="axis" d="M0 ${height - 4}H${width}"/>${paths.join('')}</svg></figure>`;
}

export function chartsView(points: readonly Point[]): string {
  return (
    chartView(
      'Rows a second',
      points,
      [
        { name: 'sealed', of: (point) => point.sealed_rows_per_s },
        { name: 'delivered', of: (point) => point.delivered_rows_per_s },
      ],
      count,
    ) + chartView('Lag', points, [{ name: 'slowest sink', of: (point) => point.lag_ms }], span)
  );
}

/** Who outside has seen the log. */
export function outsideView(witnesses: WitnessStatus | null, anchors: readonly AnchorStatus[]): string {
  const failed = (error: ShownError | null): string => (error === null ? '' : `; ${explained(error)}`);
  const lines = anchors.map(
    (anchor) =>
      `<dt>anchor ${escapeHtml(anchor.name)}</dt><dd>${count(anchor.groups)} groups, ${time(anchor.kept_at)}, ${count(anchor.failures)} failures${failed(anchor.error)}</dd>`,
  );
  if (witnesses === null) return `<dl>${lines.join('')}</dl>`;
  const members = witnesses.members.map(
    (member) =>
      `<dt>${escapeHtml(member.name)}</dt><dd>${count(member.groups)} groups, ${time(member.cosigned_at)}, ${count(member.failures)} failures${failed(member.error)}</dd>`,
  );
  const quorum = `<dt>quorum</dt><dd>${witnesses.met ? '● met' : '▲ <strong>missing</strong>'}: ${witnesses.quorum} of ${witnesses.members.length} witnesses, ${count(witnesses.groups)} groups, ${time(witnesses.cosigned_at)}</dd>`;
  return `<dl>${quorum}${members.join('')}${lines.join('')}</dl>`;
}

/** A row for each pipeline, with the way to its page. */
export function pipelineRows(statuses: readonly PipelineStatus[]): string {
  return statuses
    .map((status) => {
      const reason = status.reason === null ? '' : `<div class="reason">${explained(status.reason)}</div>`;
      const late = status.sinks.map((sink) => sink.behind_ms ?? 0);
      const troubled = status.sinks.filter((sink) => sink.error !== null).map((sink) => sink.name);
      const sinks =
        troubled.length === 0
          ? count(status.sinks.length)
          : `<span aria-hidden="true">▲</span> ${escapeHtml(troubled.join(', '))}`;
      return `<tr><th scope="row"><a href="/pipelines/${escapeHtml(status.pipeline)}/">${escapeHtml(status.pipeline)}</a></th><td>${stateView(status.state, status.since)}${reason}</td><td>${count(status.sealed.group)}</td><td>${span(late.length === 0 ? null : Math.max(...late))}</td><td>${sinks}</td></tr>`;
    })
    .join('');
}

/** The changing parts by the id of their place. */
export function partsOf(p: Picture): Record<string, string> {
  return {
    state: stateView(p.state, p.since),
    reason: p.reason === null ? '' : `<p class="reason">${explained(p.reason)}</p>`,
    now: nowView(p),
    charts: chartsView(p.history.points),
    sinks: sinksView(p.sinks),
    tables: tablesView(p.tables),
    findings: findingsView(p),
    outside: outsideView(p.witnesses, p.anchors),
  };
}

export const VIEW_FUNCTIONS: readonly { readonly name: string; toString(): string }[] = [
  escapeHtml,
  count,
  byteSize,
  span,
  time,
  duration,
  explained,
  stateView,
  nowView,
  sinksView,
  tablesView,
  findingsView,
  recentView,
  verdictView,
  chartView,
  chartsView,
  outsideView,
  pipelineRows,
  partsOf,
];
