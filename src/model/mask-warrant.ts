/**
 * The right to make a `MaskedRun`. Who imports this file vouches that its cells went through a compiled policy;
 * test/unit/architecture.test.ts allows only `mask/` and the audit log's row reader.
 */
class Warrant {
  readonly #warrant = true;
  get held(): boolean {
    return this.#warrant;
  }
}

export type MaskWarrant = Warrant;
export const MASK_WARRANT: MaskWarrant = new Warrant();
