/** MYSQL_TYPE_… as in table maps (mysql: include/field_types.h). 140 and 141 are MariaDB's COMPRESSED columns. */
export const TypeCode = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newdate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newdecimal: 246,
  enum: 247,
  set: 248,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** Bytes of metadata a column of this type has in a table map; undefined: not a type of a table map. */
export function metadataBytes(code: number): 0 | 1 | 2 | undefined {
  switch (code) {
    case TypeCode.tiny:
    case TypeCode.short:
    case TypeCode.long:
    case TypeCode.int24:
    case TypeCode.longlong:
    case TypeCode.timestamp:
    case TypeCode.date:
    case TypeCode.newdate:
    case TypeCode.time:
    case TypeCode.datetime:
    case TypeCode.year:
      return 0;
    case TypeCode.float:
    case TypeCode.double:
    case TypeCode.timestamp2:
    case TypeCode.datetime2:
    case TypeCode.time2:
    case TypeCode.blob:
    case TypeCode.json:
    case TypeCode.geometry:
    case TypeCode.vector:
    case TypeCode.blobCompressed:
      return 1;
    case TypeCode.varchar:
    case TypeCode.varString:
    case TypeCode.string:
    case TypeCode.bit:
    case TypeCode.newdecimal:
    case TypeCode.enum:
    case TypeCode.set:
    case TypeCode.varcharCompressed:
      return 2;
    default:
      return undefined;
  }
}
