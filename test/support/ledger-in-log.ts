import { expect } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import type { TestProject } from './project.ts';

/**
 * Every ledger row in the log, those of the stream once each and in order, groups without holes, positions never back; read
 * from the log alone. A copy may tell a row again that the stream told while it was on its way: it replaces what is there.
 */
export async function expectLogWhole(project: TestProject, committed: number): Promise<void> {
  let streamed: number[] = [];
  const copied = new Set<number>();
  let copiedOnce = false;
  let group = 0;
  let lsn = 0n;
  for await (const sealed of new GroupReader(new NodeDisk(), project.auditDirectory).read(
    0,
    Number.MAX_SAFE_INTEGER,
  )) {
    expect(sealed.index).toBe(group++);
    if (sealed.position.kind === 'postgres') {
      expect(sealed.position.lsn >= lsn, `group ${sealed.index}`).toBe(true);
      lsn = sealed.position.lsn;
    }
    let copies = false;
    for await (const events of sealed.chunks()) {
      for (const event of events) {
        if (event.kind === 'begin') copies = event.transaction.id === 'snapshot';
        if (event.kind === 'snapshot' && event.table.name === 'ledger') {
          if (event.phase === 'end') copiedOnce = true;
          else {
            // A copy that was broken off began again: what counts is the last one. What came by between two first ones is in it.
            copied.clear();
            if (!copiedOnce) streamed = [];
          }
        }
        if (event.kind !== 'rows' || event.run.table.name !== 'ledger') continue;
        for (let row = 0; row < event.run.count; row++) {
          const seq = Number(event.run.cells[row * 2]);
          if (copies) copied.add(seq);
          else streamed.push(seq);
        }
      }
    }
  }
  const first = streamed[0] ?? committed + 1;
  expect(streamed).toEqual(Array.from({ length: committed + 1 - first }, (_, i) => first + i));
  for (let seq = 1; seq < first; seq++) expect(copied.has(seq), `row ${seq}`).toBe(true);
}
