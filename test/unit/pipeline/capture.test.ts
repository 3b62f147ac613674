import { expect, it } from 'vitest';
import type { AuditLog, GroupWriter } from '../../../src/audit/audit-log.ts';
import type { Source } from '../../../src/capture/source.ts';
import type { CompiledPolicy } from '../../../src/mask/policy.ts';
import type { ChangeBatch } from '../../../src/model/change.ts';
import { Capture } from '../../../src/pipeline/capture.ts';
import type { MaskStage } from '../../../src/pipeline/mask-stage.ts';
import { PolicySwitch } from '../../../src/pipeline/policy-switch.ts';
import { at } from '../../support/masked.ts';

it.each([0, 30])(
  'ends with the failure of a seal after %i ms, though the source waits for its confirm',
  { timeout: 5_000 },
  async (afterMs) => {
    let ended = false;
    async function* open(_: unknown, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
      try {
        yield { events: [{ kind: 'idle', position: at(1) }], bytes: 0 };
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      } finally {
        ended = true;
      }
    }
    let abandoned = 0;
    const group = (): GroupWriter => ({
      bytes: 0,
      append: async () => {},
      declare: async () => {},
      seal: async () => {
        if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
        throw new Error('fsync');
      },
      abandon: async () => {
        abandoned++;
      },
    });
    const stop = new AbortController();
    const capture = new Capture({
      source: { open } as unknown as Source,
      log: { last: null, begin: group } as unknown as AuditLog,
      stage: { mask: () => [], takeHaltFindings: () => [] } as unknown as MaskStage,
      policies: new PolicySwitch({} as CompiledPolicy),
      limits: { maxBytes: 1_000, maxAgeMs: 50 },
      after: null,
      room: async () => {},
      onMasked: () => {},
      onSealed: async () => {},
    });
    const began = performance.now();
    await expect(capture.run(stop.signal)).rejects.toThrow('fsync');
    expect(performance.now() - began).toBeLessThan(1_000);
    // The source has let go of what it held, and nobody else was told to stop.
    expect([ended, abandoned, stop.signal.aborted]).toEqual([true, 1, false]);
  },
);
