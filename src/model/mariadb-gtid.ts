/** One transaction of MariaDB: `domain-server-sequence` (MariaDB documentation, "Global Transaction ID"). */
export interface MariadbGtidParts {
  readonly domain: number;
  readonly serverId: number;
  readonly sequence: bigint;
}

/**
 * A position of MariaDB: the last transaction of every domain, `0-1-100,1-2-5`. Within a domain the order is that of the
 * binlog, so one identifier stands for all before it.
 */
export class MariadbGtidPosition {
  readonly #domains = new Map<number, MariadbGtidParts>();

  /** @returns null when the text is no position, or names a domain twice */
  static parse(text: string): MariadbGtidPosition | null {
    const position = new MariadbGtidPosition();
    if (text.trim() === '') return position;
    for (const part of text.split(',')) {
      const match = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(part.trim());
      if (match === null) return null;
      const gtid = { domain: Number(match[1]), serverId: Number(match[2]), sequence: BigInt(match[3]!) };
      if (gtid.domain > 0xffff_ffff || gtid.serverId > 0xffff_ffff || gtid.sequence > 0xffff_ffff_ffff_ffffn)
        return null;
      if (position.#domains.has(gtid.domain)) return null;
      position.add(gtid);
    }
    return position;
  }

  get empty(): boolean {
    return this.#domains.size === 0;
  }

  of(domain: number): MariadbGtidParts | null {
    return this.#domains.get(domain) ?? null;
  }

  domains(): readonly MariadbGtidParts[] {
    return [...this.#domains.values()].sort((a, b) => a.domain - b.domain);
  }

  /** The newest transaction of its domain. */
  add(gtid: MariadbGtidParts): void {
    this.#domains.set(gtid.domain, { domain: gtid.domain, serverId: gtid.serverId, sequence: gtid.sequence });
  }

  copy(): MariadbGtidPosition {
    const result = new MariadbGtidPosition();
    for (const gtid of this.#domains.values()) result.add(gtid);
    return result;
  }

  /** Whether every domain of the other has got at least as far here. Sequences grow; server ids may change. */
  reaches(other: MariadbGtidPosition): boolean {
    return other
      .domains()
      .every((gtid) => (this.#domains.get(gtid.domain)?.sequence ?? -1n) >= gtid.sequence);
  }

  /** Domains ascending. */
  toString(): string {
    return this.domains()
      .map((gtid) => `${gtid.domain}-${gtid.serverId}-${gtid.sequence}`)
      .join(',');
  }
}
