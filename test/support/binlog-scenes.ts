import type { MysqlRelease } from './mysql.ts';

/**
 * What the golden binlogs hold: tables whose rows are the extremes of every type, and statements that bring out
 * every kind of event. test/support/make-binlog-fixtures.ts runs them on real servers.
 */
export type OracleForm =
  | 'plain' // the server's text is canonical
  | 'float32' // the server's text of the exact double
  | 'float64'
  | 'time'
  | 'datetime'
  | 'timestamp'
  | 'bytes' // hexadecimal
  | 'text' // hexadecimal of the text as utf8mb4
  | 'geometry' // hexadecimal of SRID and WKB
  | 'vector'; // hexadecimal of little-endian floats

export interface SceneColumn {
  readonly name: string;
  readonly ddl: string;
  readonly form: OracleForm;
  /** SQL that gives the server's text; default by form. */
  readonly oracle?: string;
}

export interface SceneTable {
  readonly name: string;
  readonly columns: readonly SceneColumn[];
  /** More of CREATE TABLE: keys, and what stands behind the brackets. */
  readonly keys?: string;
  readonly options?: string;
  /** SQL literals, in the order of the columns; the first column is `pk`, the number of the row. */
  readonly rows: readonly (readonly string[])[];
}

export interface Scene {
  readonly name: string;
  readonly releases: readonly MysqlRelease[];
  /** Before the tables are made, in the session that writes. */
  readonly session?: readonly string[];
  readonly tables: readonly SceneTable[];
  /** After the rows were inserted. */
  readonly statements?: readonly string[];
}

const ALL: readonly MysqlRelease[] = ['mysql-9', 'mariadb-10', 'mariadb-11'];
const MYSQL: readonly MysqlRelease[] = ['mysql-9'];
const MARIADB: readonly MysqlRelease[] = ['mariadb-10', 'mariadb-11'];

const column = (name: string, ddl: string, form: OracleForm = 'plain', oracle?: string): SceneColumn => ({
  name,
  ddl,
  form,
  ...(oracle === undefined ? {} : { oracle }),
});

const pk = column('pk', 'INT PRIMARY KEY');

/** Rows out of one list of literals for each column behind `pk`; shorter lists end in nulls. */
function transpose(lists: readonly (readonly string[])[]): string[][] {
  const count = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: count + 1 }, (_, i) => [
    String(i + 1),
    ...lists.map((list) => list[i] ?? 'NULL'),
  ]);
}

function table(
  name: string,
  parts: readonly (readonly [SceneColumn, readonly string[]])[],
  options?: string,
): SceneTable {
  return {
    name,
    columns: [pk, ...parts.map(([part]) => part)],
    rows: transpose(parts.map(([, list]) => list)),
    ...(options === undefined ? {} : { options }),
  };
}

const INTS: readonly [string, bigint, bigint][] = [
  ['TINYINT', 8n, 1n],
  ['SMALLINT', 16n, 1n],
  ['MEDIUMINT', 24n, 1n],
  ['INT', 32n, 1n],
  ['BIGINT', 64n, 1n],
];

function integers(): SceneTable {
  return table(
    'ints',
    INTS.flatMap(([type, bits]) => {
      const half = 1n << (bits - 1n);
      const edge = [1n, 9n, 10n, 99n, 100n, 127n];
      const far = [
        999_999_999n,
        1_000_000_000n,
        4_294_967_295n,
        4_294_967_296n,
        9_007_199_254_740_993n,
      ].filter((n) => n < half);
      const signed = [-half, half - 1n, 0n, ...edge, ...edge.map((n) => -n), ...far, ...far.map((n) => -n)];
      const unsigned = [2n * half - 1n, half, 0n, ...edge, ...far];
      return [
        [column(`s_${type.toLowerCase()}`, type), signed.map(String)],
        [column(`u_${type.toLowerCase()}`, `${type} UNSIGNED`), unsigned.map(String)],
      ] as const;
    }),
  );
}

function others(): SceneTable {
  return table('small', [
    [column('b', 'BOOLEAN'), ['TRUE', 'FALSE', '2', '-128']],
    [column('z', 'INT(8) UNSIGNED ZEROFILL', 'plain', 'z + 0'), ['7', '4294967295', '0']],
    [column('y', 'YEAR', 'plain', "LPAD(y + 0, 4, '0')"), ['1901', '2155', '0', '2026']],
    ...[1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64].map(
      (n) =>
        [
          column(`bit${n}`, `BIT(${n})`, 'plain', `LPAD(BIN(bit${n} + 0), ${n}, '0')`),
          ['0', '1', `b'${'1'.repeat(n)}'`, `b'1${'0'.repeat(n - 1)}'`],
        ] as const,
    ),
  ]);
}

function decimals(): SceneTable {
  const shapes: readonly [number, number][] = [
    [1, 0],
    [1, 1],
    [2, 1],
    [5, 2],
    [9, 0],
    [9, 9],
    [10, 0],
    [10, 3],
    [18, 9],
    [19, 10],
    [27, 18],
    [30, 10],
    [38, 20],
    [50, 7],
    [65, 0],
    [65, 30],
    [30, 30],
    [14, 4],
    [20, 6],
  ];
  return table(
    'decimals',
    shapes.map(([precision, scale]) => {
      const whole = '9'.repeat(precision - scale) || '0';
      const fraction = scale > 0 ? `.${'9'.repeat(scale)}` : '';
      const tiny = scale > 0 ? `0.${'0'.repeat(scale - 1)}1` : '1';
      const mixed = `${'1234567890'.repeat(7).slice(0, precision - scale) || '0'}${scale > 0 ? `.${'0987654321'.repeat(3).slice(0, scale)}` : ''}`;
      const values = [`${whole}${fraction}`, tiny, mixed, '0', precision > scale ? '7' : '0'];
      return [
        column(`d_${precision}_${scale}`, `DECIMAL(${precision},${scale})`),
        [...values, ...values.map((v) => `-${v}`)],
      ] as const;
    }),
  );
}

const FLOATS = [
  '0',
  '-0',
  '1',
  '-1',
  '0.1',
  '1.5',
  '3.14159',
  '16777216',
  '16777217',
  '123456',
  '999999',
  '1000000',
  '1234567',
  '0.0001',
  '0.00001',
  '1e-10',
  '3.4028235e38',
  '-3.4028235e38',
  '1.17549435e-38',
  '1.4e-45',
  '1e20',
  '7.0385307e-26',
  '0.3333333',
  '8388608.5',
  '9.999999e5',
  '2.2250738e-30',
  '5e-45',
];
const DOUBLES = [
  '0',
  '-0',
  '1',
  '-1',
  '0.1',
  '1.5',
  '3.141592653589793',
  '9007199254740993',
  '123456789012345',
  '1e14',
  '1e15',
  '999999999999999.9',
  '1e16',
  '1e20',
  '1e21',
  '1e22',
  '1e23',
  '0.0001',
  '0.00001',
  '1e-6',
  '1e-7',
  '1.7976931348623157e308',
  '-1.7976931348623157e308',
  '2.2250738585072014e-308',
  '5e-324',
  '0.30000000000000004',
  '4.35',
  '1e100',
];

function floats(): SceneTable {
  return table('floats', [
    [column('f', 'FLOAT', 'float32', 'f * 1e0'), FLOATS.map((v) => `${v}${v.includes('e') ? '' : 'e0'}`)],
    [column('d', 'DOUBLE', 'float64', 'd * 1e0'), DOUBLES.map((v) => `${v}${v.includes('e') ? '' : 'e0'}`)],
  ]);
}

const FRACTIONS = [0, 1, 2, 3, 4, 5, 6];

function temporals(): SceneTable {
  const zero = (n: number): string => (n === 0 ? '' : `.${'0'.repeat(n)}`);
  const nines = (n: number): string => (n === 0 ? '' : `.${'9'.repeat(n)}`);
  const one = (n: number): string => (n === 0 ? '' : `.${'0'.repeat(n - 1)}1`);
  const some = (n: number): string => (n === 0 ? '' : `.${'120345'.slice(0, n)}`);
  return table('temporals', [
    [
      column('d', 'DATE'),
      [
        "'1000-01-01'",
        "'9999-12-31'",
        "'0000-00-00'",
        "'2024-02-29'",
        "'2024-00-00'",
        "'2024-05-00'",
        "'0000-05-01'",
        "'0001-01-01'",
        "'1970-01-01'",
      ],
    ],
    ...FRACTIONS.map(
      (n) =>
        [
          column(`t${n}`, `TIME(${n})`, 'time'),
          [
            `00:00:00${zero(n)}`,
            `838:59:59${zero(n)}`,
            `-838:59:59${zero(n)}`,
            `-00:00:00${one(n)}`,
            `-00:00:01${nines(n)}`,
            `23:59:59${nines(n)}`,
            `-10:11:12${some(n)}`,
            `-00:01:00${zero(n)}`,
            `99:00:01${one(n)}`,
            `-01:00:00${one(n)}`,
            `100:00:00${some(n)}`,
          ].map((v) => `'${v}'`),
        ] as const,
    ),
    ...FRACTIONS.map(
      (n) =>
        [
          column(`dt${n}`, `DATETIME(${n})`, 'datetime'),
          [
            `1000-01-01 00:00:00${zero(n)}`,
            `9999-12-31 23:59:59${nines(n)}`,
            `0000-00-00 00:00:00${zero(n)}`,
            `2024-02-29 12:34:56${some(n)}`,
            `2024-00-10 01:02:03${one(n)}`,
            `1970-01-01 00:00:00${one(n)}`,
            `0001-01-01 00:00:00${zero(n)}`,
            `2000-01-01 16:00:00${zero(n)}`,
          ].map((v) => `'${v}'`),
        ] as const,
    ),
    ...FRACTIONS.map(
      (n) =>
        [
          column(`ts${n}`, `TIMESTAMP(${n}) NULL`, 'timestamp'),
          [
            `1970-01-01 00:00:01${zero(n)}`,
            `2038-01-19 03:14:07${zero(n)}`,
            `0000-00-00 00:00:00${zero(n)}`,
            `2024-02-29 23:59:59${nines(n)}`,
            `2026-11-25 00:00:00${some(n)}`,
            `2001-09-09 01:46:40${one(n)}`,
            `1999-12-31 23:59:59${zero(n)}`,
          ].map((v) => `'${v}'`),
        ] as const,
    ),
  ]);
}

const hex = (bytes: readonly number[]): string => `X'${Buffer.from(bytes).toString('hex')}'`;

function binaries(): SceneTable {
  const nul = "X'00'";
  const all = hex(Array.from({ length: 256 }, (_, i) => i));
  return table('binaries', [
    [column('b1', 'BINARY(1)', 'bytes'), [nul, "X'ff'", "''"]],
    [
      column('b16', 'BINARY(16)', 'bytes'),
      [
        "X'00112233445566778899aabbccddee00'",
        "''",
        "X'0000'",
        "X'ffffffffffffffffffffffffffffffff'",
        "'abc'",
      ],
    ],
    [column('b255', 'BINARY(255)', 'bytes'), ["''", "REPEAT(X'ff', 255)", "'a'"]],
    [column('v1', 'VARBINARY(10)', 'bytes'), ["''", nul, "X'00ff00'", "X'ffffffffffffffffffff'"]],
    [
      column('v300', 'VARBINARY(300)', 'bytes'),
      [all, "''", "REPEAT(X'5c78', 150)", "REPEAT('a', 32)", "REPEAT('a', 33)"],
    ],
    [column('tb', 'TINYBLOB', 'bytes'), ["''", "REPEAT('z', 255)", nul]],
    [column('b', 'BLOB', 'bytes'), [all, "''", "REPEAT(X'00', 1000)"]],
    [column('mb', 'MEDIUMBLOB', 'bytes'), [all, "''", "REPEAT(X'80', 3000)"]],
    [column('lb', 'LONGBLOB', 'bytes'), [all, "''", "REPEAT(X'e2', 3000)"]],
  ]);
}

function texts(): SceneTable {
  const sample = [
    "''",
    "'plain'",
    "'  spaces  '",
    "'naïve Ünïcode'",
    "'日本語テキスト'",
    "'😀😁 emoji'",
    "CONCAT('a', CHAR(9), CHAR(10), CHAR(0), 'z')",
    "'\\\\x00'",
    "REPEAT('x', 96)",
    "REPEAT('x', 97)",
    "REPEAT('é', 48)",
    "CONCAT(REPEAT('x', 95), 'é')",
    "'\ufffd'",
  ];
  const bmp = sample.filter((v) => !v.includes('😀'));
  return table('texts', [
    [column('c', 'CHAR(10) CHARACTER SET utf8mb4', 'text'), ["''", "'abc'", "'abc  '", "'ééééé'", "'😀'"]],
    [
      column('c255', 'CHAR(255) CHARACTER SET utf8mb4', 'text'),
      ["''", "'abc'", "REPEAT('é', 255)", "REPEAT('😀', 255)"],
    ],
    [column('c100', 'CHAR(100) CHARACTER SET utf8mb3', 'text'), ["''", "'abc'", "REPEAT('é', 100)"]],
    [column('v', 'VARCHAR(200) CHARACTER SET utf8mb4', 'text'), sample],
    [column('v63', 'VARCHAR(63) CHARACTER SET utf8mb4', 'text'), ["''", "REPEAT('😀', 63)"]],
    [column('v64', 'VARCHAR(64) CHARACTER SET utf8mb4', 'text'), ["''", "REPEAT('😀', 64)"]],
    [column('v3', 'VARCHAR(200) CHARACTER SET utf8mb3', 'text'), bmp],
    [
      column('l', 'VARCHAR(300) CHARACTER SET latin1', 'text'),
      ["''", "'naïve €'", "'ÿ'", "REPEAT('é', 97)", "'abc'"],
    ],
    [column('a', 'VARCHAR(100) CHARACTER SET ascii', 'text'), ["''", "'abc'", "REPEAT('q', 97)"]],
    [column('tt', 'TINYTEXT CHARACTER SET utf8mb4', 'text'), sample],
    [column('t', 'TEXT CHARACTER SET utf8mb4', 'text'), sample],
    [column('mt', 'MEDIUMTEXT CHARACTER SET utf8mb4', 'text'), sample],
    [column('lt', 'LONGTEXT CHARACTER SET utf8mb4', 'text'), [...sample, "REPEAT('long ü', 2000)"]],
    [column('u2', 'VARCHAR(200) CHARACTER SET ucs2', 'text'), bmp],
    [column('u16', 'VARCHAR(200) CHARACTER SET utf16', 'text'), sample],
    [column('u16l', 'VARCHAR(200) CHARACTER SET utf16le', 'text'), sample],
    [column('u32', 'VARCHAR(200) CHARACTER SET utf32', 'text'), sample],
  ]);
}

/** Sets of one byte: all their characters; the server says which bytes those are. */
const SINGLE_BYTE = [
  'armscii8',
  'cp1250',
  'cp1251',
  'cp1256',
  'cp1257',
  'cp850',
  'cp852',
  'cp866',
  'dec8',
  'geostd8',
  'greek',
  'hebrew',
  'hp8',
  'keybcs2',
  'koi8r',
  'koi8u',
  'latin1',
  'latin2',
  'latin5',
  'latin7',
  'macce',
  'macroman',
  'swe7',
  'tis620',
];

/** Sets of several bytes: samples, and codes where the server goes its own way. */
const MULTI_BYTE: Readonly<Record<string, readonly string[]>> = {
  big5: ['a145', 'a14e', 'a1c2', 'a241', 'c6a1', 'c7fc', 'a4a440a4e5'],
  gbk: ['8140', 'd6d0b9fa', '61d6d062'],
  gb2312: ['a1a4', 'a1aa', 'd6d0b9fa', 'f7fe'],
  sjis: ['815f', '8160', '8161', '817c', '8191', '8192', '81ca', 'b1', '82a0', '9fba', '415c42'],
  cp932: ['8160', 'f040', 'f940', 'f97e', 'f980', 'f9fc', 'fa40', 'b1', '82a0415c'],
  euckr: ['b0a1', 'c8fe', 'b4ebc7d1'],
  ujis: ['a1c0', 'a1c1', '8eb1', '8fa2b7', '8fb0a1', 'f5a1', 'fefe', '8ff5a1', '8ffefe', 'c6fccbdc'],
  eucjpms: ['a1c1', '8eb1', '8fa2c3', '8ff3f3', '8ff4fe', 'f5a1', '8ffefe', 'ada1'],
};

function charsets(release: MysqlRelease): SceneTable {
  const sets: [string, readonly string[]][] = Object.entries(MULTI_BYTE);
  if (release === 'mysql-9')
    sets.push(['gb18030', ['a3a0', 'd6d0', '81308130', '82359833', '90308130', 'e3329a35']]);
  return table('charsets', [
    ...SINGLE_BYTE.map((set) => {
      const bytes = Array.from({ length: 255 }, (_, i) => i + 1);
      return [
        column(`s_${set}`, `VARCHAR(300) CHARACTER SET ${set}`, 'text'),
        // Row by row a sixteenth of the set; bytes that are no characters come back as question marks and are left out.
        Array.from(
          { length: 16 },
          (_, row) => `@valid(${set},${bytes.filter((b) => b >> 4 === row).join(' ')})`,
        ),
      ] as const;
    }),
    ...sets.map(
      ([set, samples]) =>
        [
          column(`m_${set}`, `TEXT CHARACTER SET ${set}`, 'text'),
          samples.map((bytes) => `_${set} X'${bytes}'`),
        ] as const,
    ),
  ]);
}

function choices(): SceneTable {
  const many = Array.from({ length: 300 }, (_, i) => `'m${i}'`).join(',');
  const sixtyFour = Array.from({ length: 64 }, (_, i) => `'s${i}'`);
  return table('choices', [
    [column('e', "ENUM('a','b,c','d''e','')", 'text'), ["'a'", "'b,c'", "'d''e'", "''", "'nothing'"]],
    [column('e2', `ENUM(${many})`, 'text'), ["'m0'", "'m255'", "'m256'", "'m299'"]],
    [column('el', "ENUM('é','ü€') CHARACTER SET latin1", 'text'), ["'é'", "'ü€'"]],
    [column('s', "SET('a','b','c d')", 'text'), ["''", "'a'", "'a,b,c d'", "'c d'"]],
    [column('s9', `SET(${sixtyFour.slice(0, 9).join(',')})`, 'text'), ["'s8'", "'s0,s8'", "''"]],
    [column('s20', `SET(${sixtyFour.slice(0, 20).join(',')})`, 'text'), ["'s19'", "'s0,s16'"]],
    [column('s33', `SET(${sixtyFour.slice(0, 33).join(',')})`, 'text'), ["'s32'", "'s0,s31,s32'"]],
    [
      column('s64', `SET(${sixtyFour.join(',')})`, 'text'),
      ["'s63'", "'s0,s63'", `'${sixtyFour.map((v) => v.replaceAll("'", '')).join(',')}'`, "''"],
    ],
    [column('sl', "SET('é','ß') CHARACTER SET cp1250", 'text'), ["'é'", "'é,ß'"]],
  ]);
}

const DOCUMENTS = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '32767',
  '-32768',
  '65535',
  '65536',
  '2147483647',
  '-2147483648',
  '4294967295',
  '4294967296',
  '9223372036854775807',
  '-9223372036854775808',
  '18446744073709551615',
  '1.5',
  '1e20',
  '1e15',
  '1e14',
  '1e-15',
  '1e-16',
  '0.1',
  '-0.0',
  '5e-324',
  '1.7976931348623157e308',
  '1234567890123456.7',
  '""',
  '"text"',
  '"quote \\" slash / back \\\\ tab \\t nl \\n cr \\r bs \\b ff \\f nul \\u0000 us \\u001f del \u007f"',
  '"é 日本 😀"',
  '[]',
  '{}',
  '[1, [2, [3, [4]]]]',
  '{"b": 1, "a": 2, "aa": 3, "": 4, "é": 5}',
  '{"a": {"b": {"c": [true, false, null, "x", 1.25]}}}',
  '[65535, 65536, -1, 2147483648]',
  `"${'long '.repeat(30)}"`,
  `"${'very long '.repeat(2000)}"`,
];

function documents(): SceneTable {
  const quoted = DOCUMENTS.map((text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
  const bulk = `CONCAT('[', REPEAT('100000, ', 10000), '1]')`;
  const bulkObject = `(SELECT JSON_OBJECTAGG(CONCAT('k', n), CONCAT('v', REPEAT('x', 60), n)) FROM (WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT n FROM s) q)`;
  const special = [
    "JSON_ARRAY(CAST('123456789012345678901234567890.123456789' AS DECIMAL(50,9)), CAST('-0.5' AS DECIMAL(2,1)), CAST(0 AS DECIMAL(65,30)))",
    "JSON_OBJECT('d', DATE'2024-02-29', 't', TIME'-837:59:59.5', 'dt', TIMESTAMP'2024-02-29 12:34:56.789', 't0', TIME'00:00:00')",
    "JSON_OBJECT('x', X'00ff', 'long', REPEAT(X'fe', 100), 'bit', b'101', 'year', CAST('2015' AS YEAR))",
    'JSON_ARRAY(1e0, 2.0e0, 100e0, 1e100, 12345678901234567e0)',
    "JSON_OBJECT('g', ST_GeomFromText('POINT(1 2)'))",
    "CAST(CAST('999.99' AS DECIMAL(5,2)) AS JSON)",
    'CAST(NOW(6) AS JSON)',
  ];
  return table('documents', [[column('j', 'JSON', 'text'), [...quoted, ...special, bulk, bulkObject]]]);
}

const SHAPES = [
  'POINT(1 2)',
  'POINT(-1.5e300 5e-324)',
  'LINESTRING(0 0, 1 1, 2 2)',
  'POLYGON((0 0, 0 3, 3 3, 3 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))',
  'MULTIPOINT((0 0), (1 1))',
  'MULTILINESTRING((0 0, 1 1), (2 2, 3 3))',
  'MULTIPOLYGON(((0 0, 0 1, 1 1, 1 0, 0 0)))',
  'GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))',
];

function geometries(): SceneTable {
  const values = SHAPES.flatMap((wkt) => [`ST_GeomFromText('${wkt}')`, `ST_GeomFromText('${wkt}', 3857)`]);
  return table('geometries', [
    [column('g', 'GEOMETRY', 'geometry'), [...values, "ST_GeomFromText('POINT(10 20)', 4326)"]],
    [column('p', 'POINT', 'geometry'), ["ST_GeomFromText('POINT(1 2)')"]],
    [column('l', 'LINESTRING', 'geometry'), ["ST_GeomFromText('LINESTRING(0 0, 1 1)')"]],
    [column('after', 'VARCHAR(20)', 'text'), ["'behind'"]],
  ]);
}

function types(release: MysqlRelease): readonly SceneTable[] {
  return [
    integers(),
    others(),
    decimals(),
    floats(),
    temporals(),
    binaries(),
    texts(),
    charsets(release),
    choices(),
    geometries(),
  ];
}

/** Statements that bring out the events around rows. */
const EVENTS_COMMON = [
  'CREATE TABLE ev (id INT PRIMARY KEY, v VARCHAR(20))',
  'BEGIN',
  "INSERT INTO ev VALUES (1, 'a'), (2, 'b'), (3, NULL)",
  'SAVEPOINT s1',
  "UPDATE ev SET v = 'z' WHERE id < 3",
  'DELETE FROM ev WHERE id = 2',
  'COMMIT',
  'TRUNCATE TABLE ev',
  "XA START 'x1', 'b', 7",
  "INSERT INTO ev VALUES (10, 'xa')",
  "XA END 'x1', 'b', 7",
  "XA PREPARE 'x1', 'b', 7",
  "XA COMMIT 'x1', 'b', 7",
  'DROP TABLE ev',
];

export const scenes: readonly Scene[] = [
  ...ALL.map((release) => ({
    name: 'types',
    releases: [release],
    session: [
      "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'",
      "SET SESSION time_zone = '+00:00'",
      ...(release === 'mysql-9' ? [] : ['SET SESSION max_recursive_iterations = 100000']),
    ],
    tables: types(release),
  })),
  {
    name: 'mysql-types',
    releases: MYSQL,
    session: ["SET SESSION sql_mode = ''", "SET SESSION time_zone = '+00:00'"],
    tables: [
      documents(),
      table('vectors', [
        [
          column('v', 'VECTOR(3)', 'vector'),
          ["TO_VECTOR('[1, 2.5, -3e10]')", "TO_VECTOR('[0.1, 1e-7, 123456.7]')"],
        ],
        [column('big', 'VECTOR(16383)', 'vector'), ["TO_VECTOR('[1]')"]],
        [column('after', 'VARCHAR(20)', 'text'), ["'behind'"]],
      ]),
      {
        name: 'hidden',
        columns: [
          pk,
          column('a', 'INT'),
          column('inv', 'INT INVISIBLE DEFAULT 5'),
          column('virt', 'INT GENERATED ALWAYS AS (a * 2) VIRTUAL'),
          column('stor', "VARCHAR(20) GENERATED ALWAYS AS (CONCAT('s', a)) STORED", 'text'),
          column('j', 'JSON', 'text'),
        ],
        keys: 'KEY f ((a + 1)), KEY mv ((CAST(j->"$.tags" AS UNSIGNED ARRAY)))',
        rows: [
          ['1', '10', '7', 'DEFAULT', 'DEFAULT', '\'{"tags": [1, 2, 3]}\''],
          ['2', 'NULL', 'DEFAULT', 'DEFAULT', 'DEFAULT', 'NULL'],
        ],
      },
    ],
  },
  {
    name: 'mariadb-types',
    releases: MARIADB,
    session: ["SET SESSION sql_mode = ''", "SET SESSION time_zone = '+00:00'"],
    tables: [
      table('special', [
        [
          column('u', 'UUID', 'text'),
          [
            "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'",
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'6ccd780c-baba-1026-9564-5b8c656024db'",
            "'550e8400-e29b-41d4-a716-446655440000'",
            "'017f22e2-79b0-7cc3-98c4-dc0c0c07398f'",
            "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'",
            "'5df41881-3aed-3515-88a7-2f4a814cf09e'",
            "'00000000-0000-1000-8000-000000000000'",
          ],
        ],
        [
          column('i6', 'INET6', 'text'),
          [
            "'::'",
            "'::1'",
            "'2001:db8::ff00:42:8329'",
            "'::ffff:192.0.2.128'",
            "'::1.2.3.4'",
            "'1:2:3:4:5:6:7:8'",
            "'1:0:0:2:0:0:0:3'",
            "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'",
            "'2001:db8:0:1:1:1:1:1'",
            "'fe80::'",
            "'::ffff:0:0'",
            "'0:0:1::'",
          ],
        ],
        [column('i4', 'INET4', 'text'), ["'0.0.0.0'", "'255.255.255.255'", "'192.168.1.10'", "'10.0.0.0'"]],
        [column('j', 'JSON', 'text'), ['\'{"a": 1, "b":[1,2 ]}\'', "'[]'"]],
      ]),
      table('compressed', [
        [
          column('v', 'VARCHAR(500) COMPRESSED CHARACTER SET utf8mb4', 'text'),
          ["''", "'short'", "REPEAT('compress me é ', 30)"],
        ],
        [column('vb', 'VARBINARY(500) COMPRESSED', 'bytes'), ["''", "X'00ff'", "REPEAT(X'00', 400)"]],
        [
          column('t', 'TEXT COMPRESSED CHARACTER SET latin1', 'text'),
          ["''", "'short é'", "REPEAT('é', 5000)"],
        ],
        [column('b', 'BLOB COMPRESSED', 'bytes'), ["''", "X'00ff'", "REPEAT(X'abcd', 5000)"]],
        [
          column('lt', 'LONGTEXT COMPRESSED CHARACTER SET utf8mb4', 'text'),
          ["''", "REPEAT('ünïcode ', 3000)"],
        ],
      ]),
    ],
  },
  {
    name: 'old-temporals',
    releases: MARIADB,
    session: [
      "SET SESSION sql_mode = ''",
      "SET SESSION time_zone = '+00:00'",
      'SET GLOBAL mysql56_temporal_format = OFF',
    ],
    tables: [
      table('olds', [
        [
          column('t', 'TIME', 'time'),
          ["'00:00:00'", "'838:59:59'", "'-838:59:59'", "'-00:00:01'", "'100:01:02'"],
        ],
        [
          column('dt', 'DATETIME', 'datetime'),
          [
            "'1000-01-01 00:00:00'",
            "'9999-12-31 23:59:59'",
            "'0000-00-00 00:00:00'",
            "'2024-02-29 12:34:56'",
          ],
        ],
        [
          column('ts', 'TIMESTAMP NULL', 'timestamp'),
          [
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07'",
            "'0000-00-00 00:00:00'",
            "'2024-02-29 12:34:56'",
          ],
        ],
      ]),
    ],
    statements: ['SET GLOBAL mysql56_temporal_format = ON'],
  },
  {
    name: 'vectors',
    releases: ['mariadb-11'],
    tables: [
      table('vectors', [
        [
          column('vec', 'VECTOR(3)', 'vector'),
          ["VEC_FromText('[1, 2.5, -3e10]')", "VEC_FromText('[0.1, 1e-7, 123456.7]')"],
        ],
        [column('after', 'VARCHAR(20)', 'text'), ["'behind'"]],
      ]),
    ],
  },
  {
    name: 'mariadb-compressed',
    releases: MARIADB,
    session: ['SET GLOBAL log_bin_compress = ON', 'SET GLOBAL log_bin_compress_min_len = 10'],
    tables: [
      table('packed', [
        [
          column('v', 'VARCHAR(500) CHARACTER SET utf8mb4', 'text'),
          ["REPEAT('compress me é ', 30)", "REPEAT('x', 400)", "'a'"],
        ],
      ]),
    ],
    statements: [
      "UPDATE packed SET v = REPEAT('y', 450) WHERE pk = 1",
      'DELETE FROM packed WHERE pk = 2',
      'SET GLOBAL log_bin_compress = OFF',
    ],
  },
  {
    name: 'images-minimal',
    releases: ALL,
    session: ["SET SESSION binlog_row_image = 'MINIMAL'"],
    tables: [],
    statements: IMAGES_STATEMENTS(),
  },
  {
    name: 'images-noblob',
    releases: ALL,
    session: ["SET SESSION binlog_row_image = 'NOBLOB'"],
    tables: [],
    statements: IMAGES_STATEMENTS(),
  },
  {
    name: 'partial-json',
    releases: MYSQL,
    session: ["SET SESSION binlog_row_value_options = 'PARTIAL_JSON'"],
    tables: [],
    statements: PARTIAL_STATEMENTS(),
  },
  {
    name: 'partial-json-noblob',
    releases: MYSQL,
    session: [
      "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
      "SET SESSION binlog_row_image = 'NOBLOB'",
    ],
    tables: [],
    statements: [
      'CREATE TABLE pj (id INT PRIMARY KEY, a JSON, n INT, b JSON)',
      'INSERT INTO pj VALUES (1, \'{"x": 1, "pad": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}\', 1, \'{"y": 1, "pad": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}\')',
      "UPDATE pj SET b = JSON_SET(b, '$.y', 2) WHERE id = 1",
    ],
  },
  {
    name: 'payload',
    releases: MYSQL,
    session: ['SET SESSION binlog_transaction_compression = ON'],
    tables: [
      table('packed', [
        [
          column('v', 'VARCHAR(500) CHARACTER SET utf8mb4', 'text'),
          ["REPEAT('compress me é ', 30)", "REPEAT('x', 400)", "'a'"],
        ],
      ]),
    ],
    statements: [
      'CREATE TABLE other (id INT PRIMARY KEY)',
      'BEGIN',
      "UPDATE packed SET v = 'y' WHERE pk = 1",
      'INSERT INTO other VALUES (1), (2)',
      'DELETE FROM packed WHERE pk = 2',
      'COMMIT',
    ],
  },
  {
    name: 'events',
    releases: MYSQL,
    session: ['SET SESSION binlog_rows_query_log_events = ON'],
    tables: [],
    statements: [
      ...EVENTS_COMMON,
      'CREATE TABLE ev (id INT PRIMARY KEY)',
      "SET SESSION gtid_next = 'AUTOMATIC:tag_one'",
      'INSERT INTO ev VALUES (1)',
      "SET SESSION gtid_next = 'AUTOMATIC'",
      'INSERT INTO ev VALUES (2)',
      'FLUSH BINARY LOGS',
      "SET SESSION gtid_next = 'AUTOMATIC:tag_one'",
      'INSERT INTO ev VALUES (3)',
      "SET SESSION gtid_next = 'AUTOMATIC'",
    ],
  },
  {
    name: 'events',
    releases: MARIADB,
    tables: [],
    session: ['SET SESSION binlog_annotate_row_events = ON'],
    statements: [...EVENTS_COMMON, 'FLUSH BINARY LOGS'],
  },
  {
    name: 'no-checksum',
    releases: ALL,
    session: ['SET GLOBAL binlog_checksum = NONE'],
    tables: [table('plain', [[column('v', 'VARCHAR(20)', 'text'), ["'a'", "'b'"]]])],
    statements: ['SET GLOBAL binlog_checksum = CRC32'],
  },
  {
    name: 'statement-format',
    releases: ALL,
    session: ["SET SESSION binlog_format = 'STATEMENT'"],
    tables: [],
    statements: [
      'CREATE TABLE sf (id INT AUTO_INCREMENT PRIMARY KEY, v DOUBLE) ENGINE=InnoDB',
      'SET @u = 5',
      'INSERT INTO sf (v) VALUES (@u)',
      'INSERT INTO sf (v) VALUES (RAND())',
    ],
  },
];

function IMAGES_STATEMENTS(): readonly string[] {
  return [
    'CREATE TABLE im (id INT PRIMARY KEY, a INT, b VARCHAR(20), t TEXT, n INT NOT NULL DEFAULT 9)',
    "INSERT INTO im (id, a, b, t) VALUES (1, 10, 'x', 'text'), (2, NULL, NULL, NULL)",
    'UPDATE im SET a = 11 WHERE id = 1',
    'UPDATE im SET t = NULL WHERE id = 1',
    "UPDATE im SET id = 3, b = 'moved' WHERE id = 2",
    'DELETE FROM im WHERE id = 1',
    'CREATE TABLE nk (a INT, t TEXT)',
    "INSERT INTO nk VALUES (1, 'x')",
    'UPDATE nk SET a = 2',
    'DELETE FROM nk',
  ];
}

function PARTIAL_STATEMENTS(): readonly string[] {
  const pad = 'p'.repeat(60);
  return [
    'CREATE TABLE pj (id INT PRIMARY KEY, a JSON, n INT, b JSON)',
    `INSERT INTO pj VALUES (1, '{"x": 1, "s": "${pad}", "arr": [1, 2, 3, {"k": "v"}], "o k": {"q\\\\"t": 1}}', 1, '["${pad}", 2]')`,
    `INSERT INTO pj VALUES (2, '{"x": 12345678901234567890, "s": "${pad}"}', 1, NULL)`,
    "UPDATE pj SET a = JSON_SET(a, '$.x', 2) WHERE id = 1",
    "UPDATE pj SET a = JSON_SET(a, '$.arr[3].k', 'w', '$.new', JSON_ARRAY(1.5, NULL)) WHERE id = 1",
    "UPDATE pj SET b = JSON_REMOVE(b, '$[0]'), a = JSON_REPLACE(a, '$.\"o k\".\"q\\\\\"t\"', 'é') WHERE id = 1",
    "UPDATE pj SET a = JSON_REMOVE(a, '$.arr[1]', '$.s') WHERE id = 1",
    "UPDATE pj SET a = JSON_SET(a, '$.arr[9]', 9) WHERE id = 1",
    "UPDATE pj SET a = JSON_SET(a, '$.x', 3), n = 5 WHERE id = 2",
    'UPDATE pj SET n = 6 WHERE id = 2',
    'UPDATE pj SET a = NULL WHERE id = 2',
    'UPDATE pj SET a = \'{"whole": 1}\' WHERE id = 1',
  ];
}
