/** `ROWSEAL_SLOW_TESTS=1` (`npm run test:slow`): what repeats a proof on one more server, seed or step, beyond what CI has time for. */
export const slow = process.env['ROWSEAL_SLOW_TESTS'] === '1';
