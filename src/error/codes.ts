import { auditCodes } from './codes/audit.ts';
import { auditVerifyCodes } from './codes/audit-verify.ts';
import { bigqueryCodes } from './codes/bigquery.ts';
import { configCodes } from './codes/config.ts';
import { duckdbCodes } from './codes/duckdb.ts';
import { httpCodes } from './codes/http.ts';
import { maskCodes } from './codes/mask.ts';
import { mysqlCodes } from './codes/mysql.ts';
import { parquetCodes } from './codes/parquet.ts';
import { pipelineCodes } from './codes/pipeline.ts';
import { policyToolCodes } from './codes/policy-tools.ts';
import { postgresCodes } from './codes/postgres.ts';
import { postgresSinkCodes } from './codes/postgres-sink.ts';
import { queryCodes } from './codes/query.ts';
import { reconcileCodes } from './codes/reconcile.ts';
import { scanCodes } from './codes/scan.ts';
import { sinkCodes } from './codes/sink.ts';
import { witnessCodes } from './codes/witness.ts';
import type { CodeEntry } from './define.ts';

const all = {
  ...configCodes,
  ...postgresCodes,
  ...mysqlCodes,
  ...maskCodes,
  ...policyToolCodes,
  ...scanCodes,
  ...auditCodes,
  ...auditVerifyCodes,
  ...witnessCodes,
  ...duckdbCodes,
  ...bigqueryCodes,
  ...postgresSinkCodes,
  ...parquetCodes,
  ...sinkCodes,
  ...queryCodes,
  ...reconcileCodes,
  ...pipelineCodes,
  ...httpCodes,
};

export type ErrorCode = keyof typeof all;

/** Every stable error code. docs/errors.md is generated from this table. */
export const errorCodes: Readonly<Record<ErrorCode, CodeEntry>> = all;
