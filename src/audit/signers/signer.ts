import { formatNote, headBody, keyId, type TreeHead } from '../note.ts';

/** A private Ed25519 key, wherever it is kept. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * The 64 bytes of the signature: at once when the key is in this process, later when it is elsewhere (a KMS).
   *
   * @throws RowsealError RS-AUD-013 when a key elsewhere gives no valid signature
   */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * A head as a signed note, one line for each signer. Of the same length whatever the signatures are, so that its place in a
 * file can be known before it is made.
 *
 * @param name of the keys: the log's origin
 */
export function signHead(head: TreeHead, name: string, signers: readonly Signer[]): string | Promise<string> {
  const body = headBody(head);
  const message = new TextEncoder().encode(body);
  const note = (signatures: readonly Uint8Array[]): string =>
    formatNote(
      body,
      signers.map(({ publicKey }, i) => ({ name, keyId: keyId(name, publicKey), signature: signatures[i]! })),
    );
  const signatures = signers.map((signer) => signer.sign(message));
  return signatures.some((signature) => signature instanceof Promise)
    ? Promise.all(signatures).then(note)
    : note(signatures as Uint8Array[]);
}

/** What {@link signHead} will make, but for the signatures. */
export function unsignedHead(head: TreeHead, name: string, signers: readonly Signer[]): string {
  return formatNote(
    headBody(head),
    signers.map(() => ({ name, keyId: new Uint8Array(4), signature: new Uint8Array(64) })),
  );
}
