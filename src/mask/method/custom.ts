import { hash } from 'node:crypto';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { type CompiledMethod, type MaskResult, TEXT, UNFIT } from '../method.ts';
import type { MethodDocument } from '../policy-document.ts';
import { fitsType } from './redact.ts';

/** What a user's function answered for one value. */
export type CustomAnswer =
  | { readonly kind: 'value'; readonly value: string | null }
  | { readonly kind: 'failed' }
  | { readonly kind: 'timeout' };

/** A user's function, already loaded. Called with many values at once. */
export interface CustomFunction {
  call(values: readonly string[]): readonly CustomAnswer[];
  /** It is not called any more. */
  end(): void;
}

/** Where user modules run. The mask decides what an answer is worth; how code is kept in bounds is the host's affair. */
export interface CustomHost {
  /** @throws RowsealError RS-MASK-011 when the module cannot be loaded or exports no such function */
  load(module: string, source: string, exported: string, timeoutMs: number): CustomFunction;
}

/** Of the hash by which the log tells one text of a module from another: 128 bits. */
const SOURCE_DIGITS = 32;

export function compileCustom(
  options: Extract<MethodDocument, { method: 'custom' }>,
  host: CustomHost,
  type: ColumnType,
  isKey: boolean,
): CompiledMethod {
  const loaded = host.load(options.module, options.source, options.export, options.timeoutMs);
  const output = options.returns === 'text' ? TEXT : type;
  const judge = (answer: CustomAnswer): MaskResult => {
    if (answer.kind !== 'value') return answer.kind === 'timeout' ? UNFIT.timeout : UNFIT.function;
    const { value } = answer;
    // A null in the key would make one row of many.
    if (value === null) return isKey ? UNFIT.function : null;
    return value.isWellFormed() && (options.returns === 'text' || fitsType(value, type))
      ? value
      : UNFIT.function;
  };
  return {
    transform: { kind: 'batch', map: (values) => loaded.call(values).map(judge) },
    type: output,
    injective: options.injective,
    reversible: false,
    description: {
      method: 'custom',
      module: options.module,
      export: options.export,
      returns: options.returns,
      source: `sha256:${hash('sha256', options.source, 'hex').slice(0, SOURCE_DIGITS)}`,
      injective: options.injective,
    },
  };
}

/** For policies without functions, and for places where none may run. */
export const noCustomFunctions: CustomHost = {
  load: (module) => {
    throw new RowsealError('RS-MASK-011', { detail: `${module}: no user code runs here` });
  },
};
