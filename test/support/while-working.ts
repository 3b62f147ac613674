/**
 * Runs `during` while `step` is done over and over. The steps end with it, also when it fails: what was found is told then, not
 * that the server of the steps has gone.
 *
 * @throws what `during` threw, else what a step threw
 */
export async function whileWorking<T>(step: () => Promise<void>, during: () => Promise<T>): Promise<T> {
  let working = true;
  const work = (async () => {
    while (working) await step();
  })();
  // Looked at when `during` has ended.
  work.catch(() => {});
  const [found] = await Promise.allSettled([during()]);
  working = false;
  const [worked] = await Promise.allSettled([work]);
  if (found.status === 'rejected') throw found.reason;
  if (worked.status === 'rejected') throw worked.reason;
  return found.value;
}
