import type { ColumnRule, Rule } from './policy-document.ts';

/** Whether masked values depend on the mask key, so that they change with it. */
export function isKeyed(rule: Rule, domains: ReadonlyMap<string, Rule>): boolean {
  if (rule.short === 'hash' || rule.foreign === 'hash') return true;
  switch (rule.method) {
    case 'token':
    case 'reversible':
    case 'fpe':
    case 'pan':
    case 'phone':
    case 'email':
    case 'iban':
    case 'us_ssn':
    case 'uuid':
    case 'ip':
    case 'date_shift':
      return true;
    case 'scan':
      return rule.replace === 'token';
    case 'json':
      return rule.paths.some(({ rule: inner }) => {
        const method = inner.kind === 'method' ? inner.method : domains.get(inner.domain);
        // A document inside a document is refused elsewhere; asked here, one that names itself would have no end.
        return method !== undefined && method.method !== 'json' && isKeyed(method, domains);
      });
    case 'keep':
    case 'drop':
    case 'redact':
    case 'partial':
    case 'bucket':
    case 'generalize':
    case 'round':
    case 'custom':
      return false;
  }
}

/** A rule of a column; one that names an unknown domain is refused elsewhere. */
export function isKeyedRule(rule: ColumnRule, domains: ReadonlyMap<string, Rule>): boolean {
  if (rule.kind === 'method') return isKeyed(rule.method, domains);
  const domain = domains.get(rule.domain);
  return domain !== undefined && isKeyed(domain, domains);
}
