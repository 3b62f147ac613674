import type { PipelineStatus } from '../../pipeline/status.ts';
import { STYLE } from './style.ts';
import { escapeHtml, pipelineRows, VIEW_FUNCTIONS } from './view.ts';

const BEHAVIOUR = `
const put = (html) => { const at = document.getElementById('pipelines'); if (at.dataset.made !== html) { at.innerHTML = html; at.dataset.made = html; } };
const say = (text) => { const at = document.getElementById('answer'); if (at.textContent !== text) at.textContent = text; };
async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch('/status.json', { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(String(answer.status));
    put(pipelineRows((await answer.json()).pipelines));
    say('');
  } catch {
    say('no answer');
  }
}
async function loop() { await refresh(); setTimeout(loop, 2000); }
setTimeout(loop, 2000);
document.addEventListener('visibilitychange', refresh);
`;

export const HOUSE_SCRIPT = `'use strict';\n${VIEW_FUNCTIONS.map(String).join('\n')}\n${BEHAVIOUR}`;

/** The pipelines of one process. */
export function housePage(statuses: readonly PipelineStatus[]): string {
  const heads = ['pipeline', 'state', 'sealed group', 'slowest sink behind', 'sinks'];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rowseal, ${statuses.length} pipelines</title><link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="5"></noscript><style>${STYLE}</style></head><body>
<a class="skip" href="#main">to the content</a>
<header><h1>Rowseal</h1><div id="answer" role="alert"></div></header>
<main id="main"><section aria-labelledby="h-pipelines"><h2 id="h-pipelines">Pipelines</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of pipelines"><table class="numbers sinks"><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody id="pipelines">${pipelineRows(statuses)}</tbody></table></div></section></main>
<footer>Rowseal ${escapeHtml(statuses[0]?.version ?? '')} · <a href="/status.json">status.json</a> · <a href="/metrics">metrics</a> · <a href="/readyz">readyz</a></footer>
<script>${HOUSE_SCRIPT}</script></body></html>
`;
}
