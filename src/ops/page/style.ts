export const STYLE = `
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#555;--paper:#fff;--edge:#c8c8c8;--box:#f3f3f3;--one:#0b5cad;--two:#a34700;--bad:#a40000}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#b0b0b0;--paper:#151515;--edge:#4a4a4a;--box:#262626;--one:#7ab7ff;--two:#ffb070;--bad:#ff9a9a}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem 1.25rem 3rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.35rem;margin:.5rem 0}h2{font-size:1.05rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--edge)}
.state{font-weight:700;text-transform:uppercase}.waiting,.waiting_for_space,.halted,.unreachable{color:var(--bad)}
.reason{border-left:4px solid var(--bad);padding:.25rem .75rem;margin:.5rem 0}
code{font-size:.9em;background:var(--box);padding:.1rem .3rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(10rem,max-content) 1fr;gap:.15rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0}
.scroll{overflow-x:auto}.scroll:focus-visible,a:focus-visible,button:focus-visible{outline:3px solid var(--one);outline-offset:2px}
time{white-space:nowrap}dd time{white-space:normal}table{min-width:40rem;border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--edge);vertical-align:top}
.numbers td:nth-child(n+2),.numbers thead th:nth-child(n+2){text-align:right;font-variant-numeric:tabular-nums}
.sinks td:nth-child(2),.sinks thead th:nth-child(2){text-align:left}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}figure{margin:0}figcaption{font-size:.9rem}
svg{width:100%;height:7.5rem;background:var(--box)}path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.axis{stroke:var(--edge)}.line0{stroke:var(--one)}.line1{stroke:var(--two);stroke-dasharray:6 3}
.cell{display:inline-block;margin:0 .75rem .1rem 0;overflow-wrap:anywhere}
button{font:inherit;padding:.4rem .9rem;border:1px solid var(--ink);border-radius:.3rem;background:var(--box);color:inherit;cursor:pointer}
button:disabled{opacity:.6;cursor:wait}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
footer{margin-top:2rem;color:var(--soft)}a{color:var(--one)}
`;
