export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface PostgresSinkOptions {
  readonly name: string;
  /** `postgres://user[:password]@host:port/database`; query parameters are refused: settings have options of their own. */
  readonly url: string;
  /** Overrides the password in the URL. */
  readonly password: string | null;
  /** null: `verify-full`, or `disable` when the host is the loopback interface. */
  readonly tlsMode: TlsMode | null;
  /** PEM of the certificate authority; null: the system's. */
  readonly tlsCa: string | null;
  /** Schema of the sink's own tables: one for each pipeline in a database. */
  readonly stateSchema: string;
  /** Put before the source's schema to name the target's. */
  readonly schemaPrefix: string;
  /** Tables, as `namespace.name`, that also get a `…__history` table with every version of every row. */
  readonly history: 'none' | 'all' | ReadonlySet<string>;
  /** Mirrors carry `_rowseal_seq` and its like: where in the audit log each row comes from. */
  readonly proof: boolean;
  /** Percent of a mirror's page that inserts fill, when the mirror is made: updates in place need the rest. */
  readonly fillfactor: number;
  /** Dead letters that one table may have; one more, and the sink stops. */
  readonly maxDeadLetters: number;
}
