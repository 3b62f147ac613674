import { OAuth2Client } from 'google-auth-library';

/** Access tokens as Google's servers know them: a token is taken until it is revoked, whatever its bearer believes. */
export class FakeTokens {
  #count = 0;
  #taken: string | null = null;
  #takes = 0;
  /** Requests that each token is taken for. */
  takesEach = Number.POSITIVE_INFINITY;
  /** Fresh tokens are not taken either: the account lost its rights, for example. */
  refuse = false;

  get issued(): number {
    return this.#count;
  }

  /** The token that is out is not taken any more. */
  revoke(): void {
    this.#taken = null;
  }

  /** @param authorization the header of a request */
  takes(authorization: string | undefined): boolean {
    if (this.refuse || this.#taken === null || authorization !== `Bearer ${this.#taken}`) return false;
    return ++this.#takes <= this.takesEach;
  }

  /** Credentials whose tokens say that they are good for an hour. */
  client(): OAuth2Client {
    const client = new OAuth2Client();
    client.refreshHandler = async () => {
      this.#taken = `token-${++this.#count}`;
      this.#takes = 0;
      return { access_token: this.#taken, expiry_date: Date.now() + 3_600_000 };
    };
    return client;
  }
}
