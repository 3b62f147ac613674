import { parseSigningKey } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { parseVerifierKey } from '../../src/audit/note.ts';
import { startWitnessServer } from '../../src/witness/server.ts';
import { WitnessStore } from '../../src/witness/store.ts';
import { Witness } from '../../src/witness/witness.ts';

/**
 * A witness in a process of its own that ends by SIGKILL at one step of its second save: after the comparison and before the
 * bytes are kept, or after they are kept and before the answer.
 *
 * argv: directory, key file content, name, vkey of the log, step
 */
const [directory, key, name, log, step] = process.argv.slice(2) as [string, string, string, string, string];

class DyingDisk extends NodeDisk {
  #renames = 0;

  override async rename(from: string, to: string): Promise<void> {
    const last = ++this.#renames === 2;
    if (last && step === 'before-rename') process.kill(process.pid, 'SIGKILL');
    await super.rename(from, to);
    if (last && step === 'after-rename') process.kill(process.pid, 'SIGKILL');
  }
}

const store = new WitnessStore(new DyingDisk(), directory);
await store.open();
const witness = new Witness({
  name,
  signer: parseSigningKey(key),
  logs: [parseVerifierKey(log)!],
  store,
  nowS: () => Math.floor(Date.now() / 1000),
});
const server = await startWitnessServer('127.0.0.1', 0, witness, () => {});
process.stdout.write(`${server.address}\n`);
