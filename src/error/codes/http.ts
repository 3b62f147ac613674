import { defineCodes } from '../define.ts';

export const httpCodes = defineCodes({
  'RS-HTTP-001': {
    kind: 'config',
    title: 'the status page would be open to everybody',
    explain:
      'On an address other than the loopback interface, page, metrics and status name tables, columns, positions and errors to whoever reaches the port. A token or client certificates close them; /healthz and /readyz stay open for probes and name nothing of that.',
    fix: 'set http.token.file (make one: openssl rand -hex 32), or http.tls.client_ca_file; or http.allow_unauthenticated: true where the network itself lets nobody in',
  },
  'RS-HTTP-002': {
    kind: 'config',
    title: 'the token of the status page is too short',
    explain: 'A token is tried by whoever reaches the port; at least 16 characters, better 64.',
    fix: 'openssl rand -hex 32',
  },
  'RS-HTTP-003': {
    kind: 'config',
    title: 'certificate and key of the status page cannot be used',
    explain:
      'http.tls.cert_file and http.tls.key_file must be PEM and belong together; http.tls.client_ca_file must be PEM.',
    fix: 'check the files with: openssl x509 -in FILE -noout -subject -dates',
  },
  'RS-HTTP-004': {
    kind: 'auth',
    title: 'the running process does not let this command look',
    explain:
      'It wants a token or a client certificate, and this command found no token in the configuration: http.token is not set, its secret cannot be read here, or the process was started with another one.',
    fix: 'set http.token beside http.tls.client_ca_file, or give this command the same secret',
  },
});
