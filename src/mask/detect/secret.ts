/** Forms of secrets that their issuers document, anchored at the start of a run of token characters. */
const forms: readonly RegExp[] = [
  /^(?:AKIA|ASIA)[A-Z0-9]{16}$/, // AWS access key id
  /^gh[pousr]_[A-Za-z0-9]{36,255}$/, // GitHub tokens
  /^github_pat_[A-Za-z0-9_]{50,255}$/,
  /^glpat-[\w-]{20,64}$/, // GitLab
  /^xox[abeoprs]-[\w-]{10,250}$/, // Slack
  /^(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}$/, // Stripe
  /^AIza[\w-]{35}$/, // Google API key
  /^SG\.[\w-]{16,32}\.[\w-]{16,64}$/, // SendGrid
  /^npm_[A-Za-z0-9]{36}$/,
  /^hvs\.[\w-]{20,250}$/, // Vault
  /^eyJ[\w-]{8,4096}\.[\w-]{8,8192}\.[\w-]{0,4096}$/, // JWT (RFC 7519)
  /^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/, // bcrypt
  /^\$argon2(?:id|i|d)\$/,
  /^\$(?:1|5|6|y)\$[^$\s]{1,40}\$[./A-Za-z0-9]{22,86}$/, // crypt(3)
];

/** Every form has at least this many characters in a row. */
export const SECRET_CHARACTERS_MIN = 16;

export function isSecret(run: string): boolean {
  return (
    run.length >= SECRET_CHARACTERS_MIN &&
    (forms.some((form) => form.test(run)) || /^-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/.test(run))
  );
}
