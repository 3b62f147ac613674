import type { Anchor } from '../../src/witness/anchor.ts';

/** Sends heads to an endpoint by POST, as text/plain. 2xx: kept; 409: it has another head of this size. */
export class HttpAnchor implements Anchor {
  readonly name: string;
  readonly place: string;
  readonly #url: string;
  readonly #token: string | null;

  constructor(name: string, url: string, token: string | null) {
    this.name = name;
    // Paths and queries of webhooks are secrets as a rule.
    this.place = new URL(url).host;
    this.#url = url;
    this.#token = token;
  }

  async keep(_size: number, note: string, signal: AbortSignal): Promise<'kept' | 'other'> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      body: note,
      redirect: 'error',
      signal,
    });
    await response.body?.cancel();
    if (response.ok) return 'kept';
    if (response.status === 409) return 'other';
    throw Object.assign(new Error(), { code: `HTTP_${response.status}` });
  }

  close(): void {}
}
