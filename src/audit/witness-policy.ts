import { parseWitnessKey } from './cosignature.ts';
import { parseVerifierKey, type VerifierKey } from './note.ts';

export interface PolicyWitness {
  /** In messages and in the policy; the key has a name of its own. */
  readonly name: string;
  readonly key: VerifierKey;
}

/** Which witnesses must have cosigned a head. */
export interface WitnessPolicy {
  readonly witnesses: readonly PolicyWitness[];
  /** Logs that the policy names; empty: it is about any. */
  readonly logs: readonly VerifierKey[];
  /** For people: `2 of 3 witnesses`. */
  readonly rule: string;
  /** @param cosigned names of witnesses */
  satisfied(cosigned: ReadonlySet<string>): boolean;
}

/** So many of these witnesses. */
export function thresholdPolicy(witnesses: readonly PolicyWitness[], quorum: number): WitnessPolicy {
  return {
    witnesses,
    logs: [],
    rule: `${quorum} of ${witnesses.length} witnesses`,
    satisfied: (cosigned) => witnesses.filter(({ name }) => cosigned.has(name)).length >= quorum,
  };
}

type Rule = (cosigned: ReadonlySet<string>) => boolean;

/** More than the 32 that the specification asks for; a bound for files from elsewhere. */
const MAX_LINES = 1000;

/** A policy file (C2SP tlog-policy). @returns what is wrong with it, with the number of the line, when it is none */
export function parseWitnessPolicy(text: string): WitnessPolicy | { readonly wrong: string } {
  const rules = new Map<string, Rule>();
  const inGroup = new Set<string>();
  const witnesses: PolicyWitness[] = [];
  const logs: VerifierKey[] = [];
  const keys = new Set<string>();
  let quorum: { readonly name: string; readonly rule: Rule } | null = null;
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) return { wrong: `more than ${MAX_LINES} lines` };
  for (const [i, line] of lines.entries()) {
    const wrong = (what: string): { readonly wrong: string } => ({ wrong: `line ${i + 1}: ${what}` });
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const [kind, ...rest] = words;
    if (kind === undefined || kind.startsWith('#')) continue;
    switch (kind) {
      case 'log': {
        const key = parseVerifierKey(rest[0] ?? '');
        if (key === null || rest.length > 2) return wrong('log needs an Ed25519 vkey, and perhaps a URL');
        if (!isNew(keys, `log ${key.publicKey.join()}`)) return wrong('the log is there twice');
        logs.push(key);
        break;
      }
      case 'witness': {
        const [name, vkey] = rest;
        const key = parseWitnessKey(vkey ?? '');
        if (name === undefined || key === null || rest.length > 3)
          return wrong('witness needs a name, a vkey of type 0x04, and perhaps a URL');
        if (name === 'none' || rules.has(name)) return wrong(`the name ${name} is taken`);
        if (!isNew(keys, `witness ${key.publicKey.join()}`)) return wrong('the witness is there twice');
        witnesses.push({ name, key });
        rules.set(name, (cosigned) => cosigned.has(name));
        break;
      }
      case 'group': {
        const [name, count, ...members] = rest;
        if (name === undefined || members.length === 0)
          return wrong('group needs a name, a number, all or any, and members');
        if (name === 'none' || rules.has(name)) return wrong(`the name ${name} is taken`);
        const needed =
          count === 'all'
            ? members.length
            : count === 'any'
              ? 1
              : /^[1-9]\d{0,3}$/.test(count!)
                ? Number(count)
                : 0;
        if (needed < 1 || needed > members.length) return wrong('a number from 1 to that of the members');
        const parts: Rule[] = [];
        for (const member of members) {
          const rule = rules.get(member);
          if (rule === undefined) return wrong(`${member} is not defined before`);
          if (!isNew(inGroup, member)) return wrong(`${member} is in a group already`);
          parts.push(rule);
        }
        rules.set(name, (cosigned) => parts.filter((part) => part(cosigned)).length >= needed);
        break;
      }
      case 'quorum': {
        const [name] = rest;
        const rule = name === 'none' ? () => true : rules.get(name ?? '');
        if (name === undefined || rule === undefined || rest.length > 1)
          return wrong('quorum needs one witness or group that is defined before, or none');
        if (quorum !== null) return wrong('a second quorum');
        quorum = { name, rule };
        break;
      }
      default:
        return wrong('begins with none of log, witness, group, quorum');
    }
  }
  if (quorum === null) return { wrong: 'there is no quorum line' };
  return { witnesses, logs, rule: `quorum ${quorum.name} of the policy`, satisfied: quorum.rule };
}

function isNew(seen: Set<string>, what: string): boolean {
  return seen.size < seen.add(what).size;
}
