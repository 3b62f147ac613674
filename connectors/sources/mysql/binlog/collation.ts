/** First id of a range of collations and their character set; ids of MySQL 9.7 and MariaDB 11.8. */
const single: Readonly<Record<string, readonly number[]>> = {
  armscii8: [32, 64],
  ascii: [11, 65],
  big5: [1, 84],
  binary: [63],
  cp1250: [26, 34, 44, 66, 99],
  cp1251: [14, 23, 50, 51, 52],
  cp1256: [57, 67],
  cp1257: [29, 58, 59],
  cp850: [4, 80],
  cp852: [40, 81],
  cp866: [36, 68],
  cp932: [95, 96],
  dec8: [3, 69],
  eucjpms: [97, 98],
  euckr: [19, 85],
  gb18030: [248, 249, 250],
  gb2312: [24, 86],
  gbk: [28, 87],
  geostd8: [92, 93],
  greek: [25, 70],
  hebrew: [16, 71],
  hp8: [6, 72],
  keybcs2: [37, 73],
  koi8r: [7, 74],
  koi8u: [22, 75],
  latin1: [5, 8, 15, 31, 47, 48, 49, 94],
  latin2: [2, 9, 21, 27, 77],
  latin5: [30, 78],
  latin7: [20, 41, 42, 79],
  macce: [38, 43],
  macroman: [39, 53],
  sjis: [13, 88],
  swe7: [10, 82],
  tis620: [18, 89],
  ucs2: [35, 90, 159],
  ujis: [12, 91],
  utf16: [54, 55],
  utf16le: [56, 62],
  utf32: [60, 61],
  utf8mb3: [33, 76, 83, 223],
  utf8mb4: [45, 46],
};

/** First id, last id, character set: the Unicode families and MariaDB's UCA 14 collations. */
const ranges: readonly (readonly [number, number, string])[] = [
  [101, 124, 'utf16'],
  [128, 151, 'ucs2'],
  [160, 183, 'utf32'],
  [192, 215, 'utf8mb3'],
  [224, 247, 'utf8mb4'],
  [255, 323, 'utf8mb4'],
  [576, 607, 'utf8mb3'],
  [608, 639, 'utf8mb4'],
  [640, 671, 'ucs2'],
  [672, 703, 'utf16'],
  [736, 767, 'utf32'],
  [2048, 2303, 'utf8mb3'],
  [2304, 2559, 'utf8mb4'],
  [2560, 2815, 'ucs2'],
  [2816, 3071, 'utf16'],
  [3072, 3327, 'utf32'],
];

/** MariaDB's NO PAD variants of the first thousand are the same ids with this bit (strings/ctype: MY_NOPAD_ID). */
const NOPAD = 1024;

const byId = new Map(
  Object.entries(single).flatMap(([charset, ids]) => ids.map((id) => [id, charset] as const)),
);

/** Character set of a collation, by the number that the binlog has; undefined: not known here. */
export function builtinCharset(collationId: number): string | undefined {
  const known =
    byId.get(collationId) ?? ranges.find(([from, to]) => collationId >= from && collationId <= to)?.[2];
  if (known !== undefined) return known;
  return collationId >= NOPAD && collationId < 2 * NOPAD ? builtinCharset(collationId - NOPAD) : undefined;
}
