import type { PipelineStatus } from '../../pipeline/status.ts';
import { STYLE } from './style.ts';
import { count, escapeHtml, explained, span, stateView } from './view.ts';

/** The pipelines of one process, each with the way to its own page. Made anew by the browser every five seconds. */
export function housePage(statuses: readonly PipelineStatus[]): string {
  const rows = statuses.map((status) => {
    const reason = status.reason === null ? '' : `<div class="reason">${explained(status.reason)}</div>`;
    const waiting = status.sinks.map((sink) => sink.behind_ms ?? 0);
    const late = waiting.length === 0 ? null : Math.max(...waiting);
    const troubled = status.sinks.filter((sink) => sink.error !== null).map((sink) => sink.name);
    const sinks =
      troubled.length === 0
        ? count(status.sinks.length)
        : `<span aria-hidden="true">▲</span> ${escapeHtml(troubled.join(', '))}`;
    return `<tr><th scope="row"><a href="/pipelines/${escapeHtml(status.pipeline)}/">${escapeHtml(status.pipeline)}</a></th><td>${stateView(status.state, status.since)}${reason}</td><td>${count(status.sealed.group)}</td><td>${span(late)}</td><td>${sinks}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rowseal, ${statuses.length} pipelines</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="5">
<style>${STYLE}</style></head><body>
<a class="skip" href="#main">to the content</a>
<header><h1>Rowseal</h1></header>
<main id="main"><section aria-labelledby="h-pipelines"><h2 id="h-pipelines">Pipelines</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of pipelines"><table class="numbers sinks"><thead><tr>${['pipeline', 'state', 'sealed group', 'slowest sink behind', 'sinks'].map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></section></main>
<footer>Rowseal ${escapeHtml(statuses[0]?.version ?? '')} · <a href="/status.json">status.json</a> · <a href="/metrics">metrics</a> · <a href="/readyz">readyz</a></footer>
</body></html>
`;
}
