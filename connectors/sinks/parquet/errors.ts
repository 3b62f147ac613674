import type { ErrorCode } from '../../../src/error/codes.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { type ServiceFailure, serviceFailure } from '../../object-store/s3-errors.ts';

export function parquetError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  if (thrown instanceof Error && thrown.name === 'CredentialsProviderError')
    return new RowsealError('RS-PQT-008', { detail: `${doing}: no credentials were found` });
  const errno = errnoOf(thrown);
  if (errno !== null) return new RowsealError('RS-PQT-006', { detail: `${doing} (${errno})`, origin: errno });
  const service = serviceFailure(thrown);
  if (service !== null) {
    const origin = service.name;
    return new RowsealError(codeOfService(service), { detail: `${doing} (${origin})`, origin });
  }
  const failure = failureOf(thrown);
  if (failure === 'cut') return new RowsealError('RS-REC-005', { detail: doing });
  const fields = { detail: `${doing} (${failure})`, origin: failure };
  return new RowsealError(failure === 'io' || failure === 'memory' ? 'RS-PQT-006' : 'RS-PQT-007', fields);
}

/** Names of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that no waiting mends. */
const MISPLACED = new Set([
  'NoSuchBucket',
  'InvalidBucketName',
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

function codeOfService({ name, status }: ServiceFailure): ErrorCode {
  if (MISPLACED.has(name) || status === 301) return 'RS-PQT-001';
  return status === 401 || status === 403 ? 'RS-PQT-008' : 'RS-PQT-006';
}

export function errnoOf(thrown: unknown): string | null {
  if (!(thrown instanceof Error) || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' && /^E[A-Z]+$/.test(thrown.code) ? thrown.code : null;
}

/** What can go wrong before the sink has its place: that is for the operator, unless waiting helps. */
export function claimError(thrown: unknown, place: string, sink: string): RowsealError {
  const errno = errnoOf(thrown);
  if (errno === null || /^E(CONN|HOST|NET|TIMED|AI_|NOTFOUND|PIPE)/.test(errno))
    return parquetError(thrown, `opening ${place} of sink ${sink}`);
  return new RowsealError('RS-PQT-001', { detail: `${place} (${errno})`, origin: errno });
}
