/** As much of the WebAssembly JavaScript Interface as is used here; neither Node's types nor ES2024's have it. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** A module of {@link moduleOf} with memory of its own. */
export function wasmInstance(
  code: Uint8Array<ArrayBuffer>,
  pages: number,
): { readonly buffer: ArrayBuffer; readonly exports: Readonly<Record<string, unknown>> } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { m: { memory } });
  return { buffer: memory.buffer, exports };
}
