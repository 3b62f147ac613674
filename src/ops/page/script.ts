import { VIEW_FUNCTIONS } from './view.ts';

/**
 * What the page does by itself: reads `status.json` beside it every two seconds, and makes with the server's own view functions what
 * has changed. A part is touched only when its text differs, so a screen reader speaks of changes alone.
 */
const BEHAVIOUR = `
const place = (id) => document.getElementById(id);
const put = (id, html) => { const at = place(id); if (at && at.innerHTML !== html && at.dataset.made !== html) { at.innerHTML = html; at.dataset.made = html; } };
const read = async (path) => { const answer = await fetch(path, { signal: AbortSignal.timeout(5000) }); if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); };
let last = new Date().toISOString();
async function refresh() {
  if (document.hidden) return;
  try {
    const picture = await read('status.json');
    last = new Date().toISOString();
    for (const [id, html] of Object.entries(partsOf(picture))) put(id, html);
    document.title = picture.state + ' – Rowseal ' + picture.pipeline;
    if (place('recent')) put('recent', recentView(await read('recent.json')));
  } catch {
    put('state', '<span class="state unreachable"><span aria-hidden="true">▲</span> no answer</span> since ' + time(last) + ' UTC');
    document.title = 'no answer – Rowseal';
  }
}
async function loop() { await refresh(); setTimeout(loop, 2000); }
setTimeout(loop, 2000);
document.addEventListener('visibilitychange', refresh);
place('verify').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = event.target.querySelector('button');
  button.disabled = true;
  put('verdict', '<p>verifying…</p>');
  try {
    const answer = await fetch('verify', { method: 'POST', headers: { accept: 'application/json' } });
    put('verdict', answer.ok ? verdictView(await answer.json()) : '<p>refused (' + answer.status + ')</p>');
  } catch {
    put('verdict', '<p>no answer</p>');
  }
  button.disabled = false;
  button.focus();
});
`;

export const SCRIPT = `'use strict';\n${VIEW_FUNCTIONS.map(String).join('\n')}\n${BEHAVIOUR}`;
