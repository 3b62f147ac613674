import { sha512 } from '@noble/hashes/sha2.js';
import { portableEd25519 } from '../../src/audit/ed25519/ed25519.ts';
import { parseVerifierKey } from '../../src/audit/note.ts';
import { checkProof } from '../../src/audit/proof/check-proof.ts';
import { reportHtml } from '../../src/audit/proof/life-html.ts';
import { MAX_PROOF_BYTES } from '../../src/audit/proof/proof-file.ts';
import { HeadVerifier } from '../../src/audit/verify/signature.ts';

/** The page that checks proof files: reads a file and a key, shows what is proven. Sends nothing, loads nothing. */
const ED25519 = portableEd25519(sha512);
const drop = element('drop');
const file = element('file') as HTMLInputElement;
const key = element('key') as HTMLTextAreaElement;
const result = element('result');
const name = element('name');
let text: string | null = null;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

async function take(chosen: File): Promise<void> {
  name.textContent = `Checking ${chosen.name}: ${chosen.size.toLocaleString('en')} bytes`;
  // Nothing that long is a proof.
  text = chosen.size > MAX_PROOF_BYTES ? 'too long' : await chosen.text();
  show();
}

function show(): void {
  if (text === null) return;
  const keys = key.value.split(/\s+/).filter((part) => part !== '');
  const parsed = keys.map((text) => parseVerifierKey(text));
  if (parsed.length === 0) {
    result.innerHTML =
      '<p>Now enter the public key of the log, which you should have from another source than this file.</p>';
    return;
  }
  if (parsed.some((one) => one === null) || new Set(parsed.map((one) => one?.name)).size > 1) {
    result.innerHTML =
      '<section class="verdict bad" role="alert"><h2>The key cannot be read</h2><p>A key is one line: name+id+base64.</p></section>';
    return;
  }
  try {
    // Everything in the report is escaped where it becomes HTML; the page may run no script but this one.
    result.innerHTML = reportHtml(
      checkProof(
        text,
        parsed.map((one) => new HeadVerifier(one!, ED25519)),
      ),
    );
  } catch {
    result.innerHTML =
      '<section class="verdict bad" role="alert"><h2>✘ Not proven</h2><p>The file could not be checked.</p></section>';
  }
}

file.addEventListener('change', () => {
  const chosen = file.files?.[0];
  if (chosen !== undefined) void take(chosen);
});
key.addEventListener('input', show);
for (const event of ['dragenter', 'dragover'] as const)
  document.addEventListener(event, (moved) => {
    moved.preventDefault();
    drop.classList.add('over');
  });
for (const event of ['dragleave', 'drop'] as const)
  document.addEventListener(event, () => drop.classList.remove('over'));
document.addEventListener('drop', (dropped) => {
  dropped.preventDefault();
  const chosen = dropped.dataTransfer?.files[0];
  if (chosen !== undefined) void take(chosen);
});
