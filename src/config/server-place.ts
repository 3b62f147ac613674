/** All but who logs in, of a URL: several hosts, a service and parameters are part of the place. */
export function serverPlace(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
