import type { PipelineStatus } from '../pipeline/status.ts';

/** The status page: server-made, useful without scripts, names and counts only. State is a word and a shape. */
export function statusPage(status: PipelineStatus): string {
  const shape = { starting: '◌', snapshot: '◔', streaming: '●', waiting: '▲', halted: '■', stopped: '□' }[
    status.state
  ];
  const reason =
    status.reason === null
      ? ''
      : `<p role="status"><strong>${text(status.reason.code)}</strong> ${text(status.reason.title)}${status.reason.detail === null ? '' : `: ${text(status.reason.detail)}`}<br>fix: <code>${text(status.reason.fix)}</code></p>`;
  const snapshot = status.source.snapshot;
  const sinks = status.sinks
    .map(
      (sink) =>
        `<tr><th scope="row">${text(sink.name)}</th><td>${text(sink.state)}</td><td>${sink.group ?? '–'}</td><td>${sink.behind_groups}</td><td>${sink.rows}</td><td>${sink.dead_letters}</td></tr>`,
    )
    .join('');
  const undecided = Object.entries(status.undecided_columns).filter(([, count]) => count > 0);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">
<title>Rowseal ${text(status.pipeline)}: ${status.state}</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.3rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc}
td:nth-child(n+3),thead th:nth-child(n+3){text-align:right}code{background:#f2f2f2;padding:.1rem .3rem}dt{float:left;clear:left;width:12rem;color:#555}dd{margin:0 0 0 12rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}code{background:#2a2a2a}dt{color:#aaa}th,td{border-color:#444}}
</style></head><body>
<h1>Rowseal <em>${text(status.pipeline)}</em> &nbsp; ${shape} ${status.state.toUpperCase()} since <time>${status.since}</time></h1>
${reason}<dl>
<dt>source position</dt><dd>${text(status.source.position ?? '–')}</dd>
<dt>last received</dt><dd>${status.source.last_received ?? '–'}</dd>
<dt>WAL kept for us</dt><dd>${status.source.retained_bytes === null ? '–' : `${status.source.retained_bytes} bytes`}${status.source.retention === null ? '' : `, ${text(status.source.retention.status)}${status.source.retention.safe_bytes === null ? '' : `, safe for another ${status.source.retention.safe_bytes} bytes`}`}</dd>
${status.source.warnings.map(({ code, detail, fix }) => `<dt>${text(code ?? 'warning')}</dt><dd>${text(detail)}${fix === null ? '' : `<br>fix: <code>${text(fix)}</code>`}</dd>`).join('')}
${snapshot === null ? '' : `<dt>copying</dt><dd>${text(snapshot.table)}, ${snapshot.rows} rows${snapshot.estimated_rows === null ? '' : ` of about ${snapshot.estimated_rows}`}${snapshot.seconds_left === null ? '' : `, about ${duration(snapshot.seconds_left)} left`}</dd>`}
<dt>sealed group</dt><dd>${status.sealed.group ?? '–'}, signed ${status.sealed.sealed_at ?? '–'}</dd>
${undecided.length === 0 ? '' : `<dt>undecided columns</dt><dd>${undecided.map(([table, count]) => `${text(table)}: ${count}, redacted`).join('; ')}</dd>`}
</dl><table><thead><tr><th scope="col">sink</th><th scope="col">state</th><th scope="col">group</th><th scope="col">behind</th><th scope="col">rows</th><th scope="col">dead letters</th></tr></thead><tbody>${sinks}</tbody></table>
<p><a href="/status.json">status.json</a> · <a href="/metrics">metrics</a> · <a href="/readyz">readyz</a></p></body></html>`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
