import { isRowsealError, RowsealError } from './rowseal-error.ts';

/**
 * Anything thrown, as a RowsealError. What is not one already becomes a bug with the error's class and the frames of
 * its stack, never its message: messages of drivers and of the runtime quote row values.
 */
export function toRowsealError(thrown: unknown): RowsealError {
  if (isRowsealError(thrown)) return thrown;
  if (!(thrown instanceof Error))
    return new RowsealError('RS-RUN-000', { detail: `a ${typeof thrown} was thrown` });
  const frames = (thrown.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
  const code =
    'code' in thrown && typeof thrown.code === 'string' && /^[A-Z0-9_]{2,40}$/.test(thrown.code)
      ? thrown.code
      : null;
  return new RowsealError('RS-RUN-000', {
    detail: [thrown.constructor.name, ...(code === null ? [] : [code]), ...frames].join(' | '),
    ...(code === null ? {} : { origin: code }),
  });
}
