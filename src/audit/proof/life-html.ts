import type { ProofReport } from './report.ts';
import { type ColumnStep, isoOfUs, type LifeStep, rowLife } from './row-life.ts';

/** Styles of the pages that show proofs: dark and light, no fonts or pictures from anywhere. */
export const PROOF_STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2126;--soft:#5a626b;--line:#d9dde1;--card:#fff;--good:#0b6b3a;--good-bg:#e5f5ec;--bad:#a01622;--bad-bg:#fdeaec;--mark:#7a4d00;--mark-bg:#fff3d6;--focus:#1a5fd0}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--soft:#9fa8b1;--line:#333a41;--card:#1c2024;--good:#7fdca9;--good-bg:#12301f;--bad:#ff9aa4;--bad-bg:#3a1519;--mark:#ffd27a;--mark-bg:#3a2c08;--focus:#8ab4ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.1rem;margin:1.8rem 0 .6rem}
p{margin:.4rem 0}.soft{color:var(--soft)}code,.value{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere;white-space:pre-wrap}
.verdict{border:2px solid;border-radius:.6rem;padding:1rem 1.2rem;margin:1.2rem 0}.verdict h2{margin:0 0 .3rem;font-size:1.3rem}
.good{color:var(--good);background:var(--good-bg);border-color:var(--good)}.bad{color:var(--bad);background:var(--bad-bg);border-color:var(--bad)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.6rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
ol.life{list-style:none;margin:0;padding:0}ol.life>li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem;margin:.7rem 0}
ol.life>li.asked{border-color:var(--mark);box-shadow:0 0 0 1px var(--mark)}
.step{display:flex;flex-wrap:wrap;gap:.2rem .8rem;align-items:baseline}.step strong{font-size:1.05rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 0}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line)}th{font-weight:600;width:12rem}
td.method{color:var(--soft);width:7rem}del{color:var(--bad);text-decoration-thickness:1px}ins{color:var(--good);text-decoration:none}
.badge{background:var(--mark-bg);color:var(--mark);border-radius:.3rem;padding:0 .4rem;font-size:.85rem}
@media (max-width:40rem){dl{grid-template-columns:1fr}th{width:auto}td.method{display:none}}
`;

/** Text in HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"'\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      switch (character) {
        case '&':
          return '&amp;';
        case '<':
          return '&lt;';
        case '>':
          return '&gt;';
        case '"':
          return '&quot;';
        case "'":
          return '&#39;';
        default:
          // Controls and what turns the direction of writing are shown, not obeyed.
          return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
      }
    },
  );
}

/** What a checked proof proves, as HTML without anything but text, lists and tables. */
export function reportHtml(report: ProofReport): string {
  return (
    verdictHtml(report) + (report.problems.length > 0 ? '' : factsHtml(report) + lifeHtml(rowLife(report)))
  );
}

/** A whole page: nothing is loaded, nothing runs. */
export function historyPage(report: ProofReport): string {
  const title = `${report.table.namespace}.${report.table.name}: history of a row`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${escapeHtml(title)}</title><style>${PROOF_STYLE}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${reportHtml(report)}
<p class="soft">Values are masked, as they were sealed. This page is a view; the evidence is a proof file (<code>rowseal audit prove</code>).</p>
</main></body></html>
`;
}

function verdictHtml({ problems, complete, origin }: ProofReport): string {
  if (problems.length > 0) {
    const what = problems
      .map(({ what: text, seq }) => `<li>${escapeHtml(text)}${seq === null ? '' : ` (record ${seq})`}</li>`)
      .join('');
    const unsigned = problems.every(({ code }) => code === 'RS-AUD-024' || code === 'RS-AUD-023');
    const cut = problems.every(({ code }) => code === 'RS-AUD-022');
    const kept = problems.every(({ code }) => code === 'RS-AUD-028');
    const verdict = unsigned
      ? '✘ Not proven: not signed by this key'
      : cut
        ? '✘ Not proven: the file is cut off'
        : kept
          ? '✘ An erasure was not carried out'
          : '✘ Tampered with';
    return `<section class="verdict bad" role="alert"><h2>${verdict}</h2><ul>${what}</ul></section>`;
  }
  const claim = complete
    ? 'These are all the records of this row up to the group below, unchanged since they were sealed.'
    : 'These records are in the log, unchanged since they were sealed. That there are no others is not claimed.';
  return `<section class="verdict good" role="status"><h2>✔ Verified</h2><p>${claim}</p><p>Signed by <code>${escapeHtml(origin)}</code>.</p></section>`;
}

function factsHtml({ table, upTo, tags, notes, cosigners, at }: ProofReport): string {
  const facts: (readonly [string, string])[] = [['Table', `${table.namespace}.${table.name}`]];
  if (upTo !== null)
    facts.push(
      ['Sealed up to', `group ${upTo.group}, at ${isoOfUs(upTo.sealedAtUs)}`],
      ['Source position', upTo.position],
      ['Records of the table', upTo.records.toLocaleString('en')],
    );
  if (tags.length > 0) facts.push(['Row', tags.join(', ')]);
  if (at !== null)
    facts.push([
      'Asked about',
      `${isoOfUs(at.timeUs)}: ${at.seq === null ? 'nothing was committed by then' : `record ${at.seq} was in force`}`,
    ]);
  if (cosigners.length > 0) facts.push(['Cosigned, not checked here', cosigners.join(', ')]);
  for (const note of notes) facts.push(['Note', note]);
  return `<h2>What it covers</h2><dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd><span class="value">${escapeHtml(value)}</span></dd>`).join('')}</dl>`;
}

function lifeHtml(steps: readonly LifeStep[]): string {
  if (steps.length === 0) return '<h2>Records</h2><p>None: there is no record of this row.</p>';
  return `<h2>Records</h2><ol class="life">${steps.map(stepHtml).join('')}</ol>`;
}

function stepHtml(step: LifeStep): string {
  const unchanged = step.columns.filter(({ kind }) => kind === 'unchanged').map(({ name }) => name);
  const hidden = step.columns.filter(({ kind }) => kind === 'hidden').map(({ name }) => name);
  const rows = step.columns.map(columnHtml).join('');
  const lines = [
    ...step.remarks,
    ...(unchanged.length > 0 ? [`unchanged: ${unchanged.join(', ')}`] : []),
    ...(hidden.length > 0 ? [`not shown: ${hidden.join(', ')}`] : []),
  ];
  return `<li${step.asked ? ' class="asked"' : ''}><div class="step"><strong>${escapeHtml(step.title)}</strong>${step.time === null ? '' : `<time>${step.time}</time>`}${step.asked ? '<span class="badge">in force then</span>' : ''}<span class="soft">record ${step.seq}${step.origin === '' ? '' : `, ${escapeHtml(step.origin)}`}</span></div>${rows === '' ? '' : `<table><tbody>${rows}</tbody></table>`}${lines.map((line) => `<p class="soft">${escapeHtml(line)}</p>`).join('')}</li>`;
}

function columnHtml(column: ColumnStep): string {
  if (!('to' in column)) return '';
  const value =
    column.kind === 'set'
      ? `<span class="value">${escapeHtml(column.to)}</span>`
      : `<del class="value">${escapeHtml(column.from)}</del> → <ins class="value">${escapeHtml(column.to)}</ins>`;
  return `<tr><th scope="row">${escapeHtml(column.name)}</th><td class="method">${escapeHtml(column.method)}</td><td>${value}</td></tr>`;
}
