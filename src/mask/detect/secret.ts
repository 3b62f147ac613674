import { Hint, MIXED, patternFinder, type TextFinder } from './text-finder.ts';

/** Forms of secrets that their issuers document. Repetitions are bounded, and what ends one cannot begin it. */
const forms: readonly RegExp[] = [
  /(?:AKIA|ASIA)[A-Z0-9]{16}/, // AWS access key id
  /gh[pousr]_[A-Za-z0-9]{36,255}/, // GitHub tokens
  /github_pat_[A-Za-z0-9_]{50,255}/,
  /glpat-[\w-]{20,64}/, // GitLab
  /xox[abeoprs]-[\w-]{11,250}/, // Slack
  /[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}/, // Stripe
  /AIza[\w-]{35}/, // Google API key
  /SG\.[\w-]{16,32}\.[\w-]{16,64}/, // SendGrid
  /npm_[A-Za-z0-9]{36}/,
  /hvs\.[\w-]{20,250}/, // Vault
  /eyJ[\w-]{8,4096}\.[\w-]{8,8192}\.[\w-]{0,4096}/, // JWT (RFC 7519)
  /\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}/, // bcrypt
  /\$argon2(?:id|i|d)\$[\w$=,+/.-]{10,500}/,
  /\$[156y]\$[^$\s]{1,40}\$[./A-Za-z0-9]{22,86}/, // crypt(3)
  /\{(?:S?SHA|SSHA256|SSHA512|CRYPT)\}[\w$+/=.]{16,200}/, // LDAP (RFC 2307)
  /pbkdf2_sha\d{1,3}\$\d{1,9}\$[^$\s]{1,64}\$[\w+/=]{20,128}/, // Django
];

const FORMS = forms.map(({ source }) => source).join('|');
const WHOLE = new RegExp(`^(?:${FORMS})$`);
const PEM = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/;
const PEM_START = new RegExp(`^${PEM.source}`);
/** An RSA key of 16,384 bits has 13,000 characters. */
const PEM_CHARACTERS_MAX = 16_384;

/** A whole value: an API key, a token, the hash of a password, or a private key in PEM. */
export function isSecret(value: string): boolean {
  return value.length >= 16 && (WHOLE.test(value) || PEM_START.test(value));
}

const tokenFinder = patternFinder(
  'secret',
  Hint.mixedWord,
  new RegExp(`(?<![\\w-])(?=[$AESaeghnprsx{])(?:${FORMS})(?!\\w)`, 'g'),
  // Lower-case words alone are placeholders of documentation.
  (match, start) => (MIXED.test(match) ? start + match.length : -1),
);

/** From the header to the end line; a key that was cut off, as far as a key can reach. */
const pemFinder = patternFinder(
  'secret',
  Hint.fivePairs,
  new RegExp(PEM.source, 'g'),
  (match, start, text) => {
    const block = text.slice(start, start + PEM_CHARACTERS_MAX);
    const end = block.indexOf('-----END ', match.length);
    if (end < 0) return start + block.length;
    const close = block.indexOf('-----', end + 9);
    return close < 0 ? start + block.length : start + close + 5;
  },
);

export const secretFinders: readonly TextFinder[] = [tokenFinder, pemFinder];
