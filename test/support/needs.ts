import { inject } from 'vitest';
import type { MysqlRelease } from './mysql.ts';
import type { PostgresMajor } from './postgres.ts';

/** For `it.skipIf`: true when there is no such server here; the probe has said so. */
export function noPostgres(major: PostgresMajor): boolean {
  return !inject('postgresMajors').includes(major);
}

export function noMysql(release: MysqlRelease): boolean {
  return !inject('mysqlReleases').includes(release);
}
