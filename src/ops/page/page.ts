import { createHash } from 'node:crypto';
import type { OpsRoom, Verdict } from '../ops-room.ts';
import { HOUSE_SCRIPT } from './house.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';
import { escapeHtml, partsOf, recentView, verdictView } from './view.ts';

/** Only the style and the scripts of our pages run, named by their hashes; nothing is loaded from elsewhere. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}' '${hashOf(HOUSE_SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "connect-src 'self'",
  // The empty icon.
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** The status page: made by the server, whole without scripts; with them it follows the pipeline. */
export function statusPage(room: Pick<OpsRoom, 'picture' | 'recent'>, verdict: Verdict | null): string {
  const picture = room.picture();
  const recent = room.recent();
  const parts = partsOf(picture);
  const { log } = picture;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${picture.state} – Rowseal ${escapeHtml(picture.pipeline)}</title><link rel="icon" href="data:,">
${verdict === null ? '<noscript><meta http-equiv="refresh" content="5"></noscript>' : ''}<style>${STYLE}</style></head><body>
<a class="skip" href="#main">to the content</a>
<header><h1>Rowseal <em>${escapeHtml(picture.pipeline)}</em></h1>
<div id="state" role="status">${parts['state']}</div><div id="reason" role="alert">${parts['reason']}</div></header>
<main id="main">
<section aria-labelledby="h-now"><h2 id="h-now">Now</h2><div id="now">${parts['now']}</div></section>
<section aria-labelledby="h-charts"><h2 id="h-charts">Last five minutes</h2><div id="charts" class="charts">${parts['charts']}</div></section>
<section aria-labelledby="h-sinks"><h2 id="h-sinks">Sinks</h2>
${table('numbers sinks', 'Table of sinks', 'sinks', ['sink', 'state', 'group', 'behind, groups', 'rows', 'retries', 'dead letters'], parts['sinks']!)}</section>
<section aria-labelledby="h-tables"><h2 id="h-tables">Tables and their columns</h2>
${table('numbers', 'Table of tables', 'tables', ['table', 'masked', 'left out', 'kept', 'undecided', 'changes since start', 'newest change'], parts['tables']!)}</section>
<section aria-labelledby="h-findings"><h2 id="h-findings">Findings</h2><div id="findings">${parts['findings']}</div></section>
${recent === null ? '' : `<section aria-labelledby="h-recent"><h2 id="h-recent">Newest changes, as sinks get them</h2>\n${table('', 'Table of changes', 'recent', ['sealed', 'group', 'table', 'operation', 'columns, masked'], recentView(recent))}</section>`}
${picture.witnesses === null && picture.anchors.length === 0 ? '' : `<section aria-labelledby="h-outside"><h2 id="h-outside">Witnesses and anchors</h2><div id="outside">${parts['outside']}</div></section>`}
<section aria-labelledby="h-audit"><h2 id="h-audit">Audit log</h2>
<dl><dt>log</dt><dd>${escapeHtml(log.origin)}</dd><dt>public key</dt><dd><code>${escapeHtml(log.key)}</code></dd></dl>
<form id="verify" method="post" action="verify"><p><button type="submit">Verify the log</button></p></form>
<div id="verdict" role="status">${verdictView(verdict)}</div>
<p>Elsewhere, trusting nothing of this machine: <code>rowseal audit verify --dir ${escapeHtml(log.directory)} --key "$VKEY" --head yesterday.head</code></p></section>
</main>
<footer>Rowseal ${escapeHtml(picture.version)} · <a href="status.json">status.json</a> · <a href="/metrics">metrics</a> · <a href="/readyz">readyz</a></footer>
<script>${SCRIPT}</script></body></html>
`;
}

/** A wide table scrolls within itself, and by keyboard. */
function table(classes: string, label: string, id: string, heads: readonly string[], body: string): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table class="${classes}"><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody id="${id}">${body}</tbody></table></div>`;
}
