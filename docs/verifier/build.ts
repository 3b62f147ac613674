import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { PROOF_STYLE } from '../../src/audit/proof/life-html.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const STYLE = `${PROOF_STYLE}
label{font-weight:600;display:block;margin:1rem 0 .3rem}textarea{width:100%;min-height:4.5rem;font:.9rem ui-monospace,Menlo,Consolas,monospace;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:.4rem;padding:.5rem}
#drop{border:2px dashed var(--soft);border-radius:.6rem;padding:1.4rem;text-align:center;background:var(--card)}#drop.over{border-color:var(--focus);border-style:solid}
input[type=file]{font:inherit;max-width:100%}:focus-visible{outline:3px solid var(--focus);outline-offset:2px}`;

/** The page as one file: script and style inside, no connection allowed, only this very script may run. */
export async function verifierPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [here('page.ts')],
    bundle: true,
    write: false,
    minify: true,
    charset: 'ascii',
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    inject: [here('buffer-methods.ts')],
    alias: { 'node:crypto': here('node-crypto.ts') },
  });
  const script = outputFiles[0]!.text.trim().replaceAll('</script', '<\\/script');
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(STYLE)}; connect-src 'none'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Rowseal proof verifier</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Rowseal proof verifier</h1>
<p class="soft">Checks a file that <code>rowseal audit prove</code> wrote. Everything happens in this page: it makes no connection and can be saved and opened without a network.</p>
<label for="key">Public key of the log (name+id+base64)</label>
<textarea id="key" spellcheck="false" autocomplete="off" aria-describedby="key-help"></textarea>
<p id="key-help" class="soft">Take it from a source that you trust, not from whoever gave you the file. After a key rotation: one key a line.</p>
<label for="file">Proof file</label>
<div id="drop"><input id="file" type="file" accept=".json,application/json"><p class="soft">or drop it anywhere on this page</p><p id="name" class="soft"></p></div>
<div id="result" aria-live="polite"></div>
<noscript><p>The check needs JavaScript; or run <code>rowseal audit verify-proof</code>.</p></noscript>
</main>
<script>${script}</script>
</body>
</html>
`;
}
