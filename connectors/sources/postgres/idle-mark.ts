/** How far a stream has come, in LSNs. */
export interface StreamReach {
  /** Of the newest keepalive: all below was decoded and sent by the server. */
  readonly received: bigint;
  /** End of the last transaction that came; 0: none did. */
  readonly passed: bigint;
  readonly confirmed: bigint;
  /** Where idle progress was marked last. */
  readonly marked: bigint;
  /** A place whose passing somebody waits for; null: nobody does. */
  readonly awaited: bigint | null;
  /** Long enough since the last mark. */
  readonly due: boolean;
}

/**
 * Where the stream is when nothing is in flight; null: not worth a mark. Never before the last transaction: a keepalive may
 * be older than one that came right behind it, and from a mark of that place on it would come twice.
 */
export function idleMark({ received, passed, confirmed, marked, awaited, due }: StreamReach): bigint | null {
  const reached = received > passed ? received : passed;
  if (awaited !== null && reached >= awaited) return reached;
  // As far as a transaction is progress too: it may have held nothing worth handing on.
  const moved = received >= passed && received > marked && received > confirmed;
  return moved && due ? received : null;
}
