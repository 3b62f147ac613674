import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** X.509 certificates (RFC 5280) for tests of TLS: no other program makes them, so they can be had everywhere. */

export interface TestAuthority {
  readonly name: string;
  readonly pem: string;
  readonly key: KeyObject;
}

export interface TestCertificate {
  readonly chain: string;
  readonly key: string;
}

const OID = {
  commonName: '0603550403',
  ecdsaWithSha256: '06082A8648CE3D040302',
  basicConstraints: '0603551D13',
  keyUsage: '0603551D0F',
  subjectAltName: '0603551D11',
} as const;

export function makeAuthority(name: string): TestAuthority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = certificate({
    issuer: name,
    signer: privateKey,
    subject: name,
    publicKey,
    extensions: authorityExtensions(),
  });
  return { name, pem, key: privateKey };
}

/**
 * @param hosts names and addresses it is for
 * @param passphrase the key is encrypted with it
 */
export function makeCertificate(
  authority: TestAuthority,
  subject: string,
  options: {
    readonly hosts?: readonly string[];
    readonly expired?: boolean;
    readonly passphrase?: string;
  } = {},
): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { hosts = [], expired = false, passphrase } = options;
  const chain = certificate({
    issuer: authority.name,
    signer: authority.key,
    subject,
    publicKey,
    expired,
    extensions:
      hosts.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...hosts.map(generalName)))],
  });
  const key = privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
  });
  return { chain, key: String(key) };
}

function certificate(of: {
  readonly issuer: string;
  readonly signer: KeyObject;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly expired?: boolean;
  readonly extensions: readonly Buffer[];
}): string {
  const algorithm = sequence(hex(OID.ecdsaWithSha256));
  const [from, to] =
    of.expired === true ? ['200101000000Z', '210101000000Z'] : ['200101000000Z', '491231235959Z'];
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    name(of.issuer),
    sequence(tagged(0x17, Buffer.from(from!)), tagged(0x17, Buffer.from(to!))),
    name(of.subject),
    createPublicKey(of.publicKey.export({ format: 'pem', type: 'spki' })).export({
      format: 'der',
      type: 'spki',
    }),
    ...(of.extensions.length === 0 ? [] : [tagged(0xa3, sequence(...of.extensions))]),
  );
  const der = sequence(body, algorithm, bits(sign('sha256', body, of.signer)));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** It may sign certificates: cA, keyCertSign and cRLSign. */
function authorityExtensions(): readonly Buffer[] {
  return [
    critical(OID.basicConstraints, sequence(tagged(0x01, Buffer.from([0xff])))),
    critical(OID.keyUsage, tagged(0x03, Buffer.from([0x01, 0x06]))),
  ];
}

function extension(oid: string, value: Buffer): Buffer {
  return sequence(hex(oid), tagged(0x04, value));
}

function critical(oid: string, value: Buffer): Buffer {
  return sequence(hex(oid), tagged(0x01, Buffer.from([0xff])), tagged(0x04, value));
}

function name(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(hex(OID.commonName), tagged(0x0c, Buffer.from(commonName)))));
}

/** An IPv4 address or a DNS name. */
function generalName(host: string): Buffer {
  return isIP(host) === 4
    ? tagged(0x87, Buffer.from(host.split('.').map(Number)))
    : tagged(0x82, Buffer.from(host, 'ascii'));
}

function bits(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** Tag, length, value (DER). */
function tagged(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), value]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
