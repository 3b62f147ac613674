import type { Source } from '../../src/capture/source.ts';
import type { CompiledPolicy } from '../../src/mask/policy.ts';
import type { ChangeEvent } from '../../src/model/change.ts';
import { MaskStage } from '../../src/pipeline/mask-stage.ts';
import { MirrorReader } from './mirror-reader.ts';

/** The mirror that these events leave when they are masked on their way. */
export async function maskedMirror(
  events: readonly ChangeEvent[],
  policy: CompiledPolicy,
): Promise<MirrorReader> {
  const stage = new MaskStage((table) => policy.compileMasker(table, 'running'), {
    newVersion: () => {},
    unfit: () => {},
    leaks: () => {},
  });
  const masked = events.flatMap((event): readonly ChangeEvent[] =>
    event.kind === 'commit' || event.kind === 'idle'
      ? [event]
      : (stage.mask([event]) as unknown as readonly ChangeEvent[]),
  );
  const source: Pick<Source, 'open' | 'confirm' | 'close'> = {
    async *open() {
      yield { events: masked, bytes: 0 };
    },
    confirm: () => {},
    close: async () => {},
  };
  const reader = new MirrorReader(source as Source, null);
  await reader.done;
  if (reader.error !== null) throw reader.error;
  return reader;
}
