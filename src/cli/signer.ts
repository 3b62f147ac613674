import { parsePublicKey, parseSigningKey } from '../audit/keys.ts';
import { CommandSigner } from '../audit/signers/command-signer.ts';
import type { Signer } from '../audit/signers/signer.ts';
import type { SigningKeySource } from '../config/audit.ts';
import type { RowsealConfig } from '../config/load.ts';
import { loadSigningKey } from '../config/signing-key.ts';

/** The key of the log. @throws RowsealError RS-AUD-008, -014, RS-CFG-004, -005, -006 */
export function loadSigner(config: Pick<RowsealConfig, 'audit'>): Signer {
  return signerFrom(config.audit.key);
}

export function signerFrom(source: SigningKeySource): Signer {
  const key = loadSigningKey(source, process.env);
  return key.kind === 'command'
    ? new CommandSigner(parsePublicKey(key.publicKey), key.run)
    : parseSigningKey(key.content, key.passphrase);
}
