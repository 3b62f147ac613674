/** What the client throws, by its stable parts: status and name. */
export interface ServiceFailure {
  readonly name: string;
  readonly status: number | null;
}

export function serviceFailure(thrown: unknown): ServiceFailure | null {
  if (!(thrown instanceof Error) || !('$metadata' in thrown)) return null;
  const { $metadata } = thrown as { $metadata: { httpStatusCode?: number } };
  const name = /^[A-Za-z]{2,60}$/.test(thrown.name) ? thrown.name : 'Error';
  return { name, status: $metadata.httpStatusCode ?? null };
}

export function isMissing(thrown: unknown): boolean {
  return serviceFailure(thrown)?.status === 404;
}

/** 412: there is one. 409: another is being written at this moment (S3 manual, conditional writes): it comes first. */
export function isPreconditionFailed(thrown: unknown): boolean {
  const status = serviceFailure(thrown)?.status;
  return status === 412 || status === 409;
}
