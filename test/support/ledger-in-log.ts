import { expect } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { type Op, opLetter } from '../../src/model/change.ts';
import type { TestProject } from './project.ts';

/** Every ledger row once and in order, groups without holes, positions never back; read from the log alone. */
export async function expectLogWhole(project: TestProject, committed: number): Promise<void> {
  const seen: number[] = [];
  const copied = new Set<number>();
  let group = 0;
  let lsn = 0n;
  for await (const sealed of new GroupReader(new NodeDisk(), project.auditDirectory).read(
    0,
    Number.MAX_SAFE_INTEGER,
  )) {
    expect(sealed.index).toBe(group++);
    if (sealed.position.kind === 'postgres' && sealed.position.phase === 'stream') {
      expect(sealed.position.lsn >= lsn).toBe(true);
      lsn = sealed.position.lsn;
    }
    for await (const events of sealed.chunks()) {
      for (const event of events) {
        // A copy that was broken off began again: what counts is the last one.
        if (event.kind === 'snapshot' && event.table.name === 'ledger' && event.phase === 'begin')
          copied.clear();
        if (event.kind !== 'rows' || event.run.table.name !== 'ledger') continue;
        for (let row = 0; row < event.run.count; row++) {
          const seq = Number(event.run.cells[row * 2]);
          if (opLetter[event.run.ops[row]! as Op] === 'r') copied.add(seq);
          else seen.push(seq);
        }
      }
    }
  }
  const first = copied.size + 1;
  expect(seen).toEqual(Array.from({ length: committed - copied.size }, (_, i) => first + i));
}
