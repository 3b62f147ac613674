import type { UnfitCount } from '../../src/mask/column-mask.ts';
import type { MaskKeys } from '../../src/mask/keys.ts';
import { type CustomHost, noCustomFunctions } from '../../src/mask/method/custom.ts';
import type { ColumnRule, PolicyDocument } from '../../src/mask/policy-document.ts';
import type { MaskedCell, RawCell } from '../../src/model/cell.ts';
import { Image, Op } from '../../src/model/change.ts';
import type { ColumnType } from '../../src/model/type.ts';
import { keep, policy, schema, TEST_KEYS } from './policies.ts';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

export interface ColumnUnderTest {
  (value: RawCell): MaskedCell;
  readonly reverse: (token: string) => string | null;
  readonly type: ColumnType;
  unfit(): readonly UnfitCount[];
}

/** One column `value` beside a key `id` and an `owner`, masked as the pipeline does. */
export function maskedColumn(
  rule: ColumnRule,
  type: ColumnType = TEXT,
  more: {
    readonly document?: Partial<PolicyDocument>;
    readonly keys?: MaskKeys;
    readonly host?: CustomHost;
    readonly sourceType?: string;
  } = {},
): ColumnUnderTest {
  const base = schema({
    id: { kind: 'int', bits: 64, unsigned: false },
    owner: { kind: 'int', bits: 64, unsigned: false },
    value: type,
  });
  const table = {
    ...base,
    columns: base.columns.map((column) =>
      column.name === 'value' ? { ...column, sourceType: more.sourceType ?? 'text' } : column,
    ),
  };
  const compiled = policy(
    { id: keep, owner: keep, value: rule },
    more.document,
    more.keys ?? TEST_KEYS,
    more.host ?? noCustomFunctions,
  );
  compiled.check([table]);
  const masker = compiled.compileMasker(table, 'start');
  const apply = (value: RawCell): MaskedCell =>
    masker.mask({
      table,
      count: 1,
      ops: Uint8Array.of(Op.create),
      images: Uint8Array.of(Image.after),
      cells: ['1', '7', value],
      firstOrdinal: 0,
      bytes: 0,
    }).cells[2]!;
  return Object.assign(apply, {
    reverse: (token: string) => masker.columns[2]!.method.reverse?.(token) ?? null,
    type: masker.table.columns[2]!.type,
    unfit: () => masker.takeUnfit(),
  });
}
