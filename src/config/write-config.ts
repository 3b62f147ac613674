import {
  NOTHING_PERSONAL,
  type PolicyProposal,
  type ProposedRule,
  type ProposedTable,
} from '../mask/propose/policy-proposal.ts';
import { displayName } from '../model/table.ts';
import { inline, methodConfig, type RuleConfig, ruleConfig } from './write-rule.ts';

/** What a new configuration says besides its policy. No secret: a password is named by where it comes from. */
export interface NewConfig {
  readonly pipeline: string;
  readonly source: {
    readonly type: 'postgres' | 'mysql';
    /** Without a password. */
    readonly url: string;
    /** `${env:NAME}` or `${file:PATH}`; null: none is needed. */
    readonly password: string | null;
    readonly tls: Readonly<Record<string, string>>;
  };
  readonly maskKeyFile: string;
  readonly signingKeyFile: string;
  readonly auditDirectory: string;
  readonly sink: { readonly type: 'duckdb'; readonly path: string };
  readonly proposal: PolicyProposal;
  /** How the policy came about: for the reader, at the top. */
  readonly preamble: readonly string[];
}

const WIDTH = 116;

/** The text of a complete, commented rowseal.yaml. */
export function writeConfig(config: NewConfig): string {
  const { source, proposal } = config;
  const names = proposal.tables.map(({ scanned }) => displayName(scanned.table));
  return [
    ...config.preamble.flatMap((line) => comment(line, '')),
    '',
    `pipeline: ${inline(config.pipeline)}`,
    'source:',
    `  type: ${source.type}`,
    `  url: ${inline(source.url)}`,
    ...(source.password === null ? [] : [`  password: ${inline(source.password)}`]),
    ...(Object.keys(source.tls).length === 0 ? [] : [`  tls: ${inline(source.tls)}`]),
    '  tables:',
    ...names.map((name) => `    - ${inline(name)}`),
    'mask:',
    `  key: ${inline({ file: config.maskKeyFile })}`,
    '  undecided: halt # a new column stops the next start until it is decided; until then it is redacted',
    '  leak_guard: { rows: sample, action: alert } # looks for personal data in what is kept',
    ...domains(proposal),
    '  tables:',
    ...proposal.tables.flatMap(table),
    'audit:',
    `  dir: ${inline(config.auditDirectory)}`,
    `  key: ${inline({ file: config.signingKeyFile })}`,
    'sinks:',
    `  warehouse: ${inline({ type: config.sink.type, path: config.sink.path })}`,
    '',
  ].join('\n');
}

function domains({ domains: used }: PolicyProposal): readonly string[] {
  if (used.size === 0) return [];
  return [
    '  # Equal values of a domain have equal tokens, in every table: joins survive.',
    '  domains:',
    ...[...used].map(([name, rule]) => `    ${inline(name)}: ${inline(asMapping(methodConfig(rule)))}`),
  ];
}

/** A domain is a mapping, never a word. */
function asMapping(config: RuleConfig): RuleConfig {
  return typeof config === 'string' ? { method: config } : config;
}

const HEADINGS = {
  key: 'keys',
  personal: 'personal data, or what may be',
  other: NOTHING_PERSONAL,
} as const;

function table({ scanned, columns }: ProposedTable): readonly string[] {
  const { table: schema, estimatedRows, rows } = scanned;
  const about = estimatedRows === null ? '' : `about ${estimatedRows.toLocaleString('en')} rows, `;
  const read = rows === 0 ? 'none read' : `${rows.toLocaleString('en')} read`;
  const lines = ['', `    # ${about}${read}`, `    ${inline(displayName(schema))}:`];
  for (const group of ['key', 'personal', 'other'] as const) {
    const members = schema.columns
      .map((column, index) => ({ name: column.name, proposed: columns[index]! }))
      .filter(({ proposed }) => proposed.group === group);
    if (members.length === 0) continue;
    lines.push(`      # ${HEADINGS[group]}`);
    const texts = members.map(({ name, proposed }) => ({ text: head(name, proposed), proposed }));
    const width = Math.min(56, Math.max(...texts.map(({ text }) => text.length)));
    for (const { text, proposed } of texts) lines.push(...column(text, width, proposed));
  }
  return lines;
}

function head(name: string, { rule }: ProposedRule): string {
  return isDocument(rule) ? `      ${inline(name)}:` : `      ${inline(name)}: ${inline(ruleConfig(rule))}`;
}

function isDocument(rule: ProposedRule['rule']): boolean {
  return rule.kind === 'method' && rule.method.method === 'json';
}

/** The reason stands behind the rule, or above it where it is long. */
function column(text: string, width: number, { rule, why, denied = [] }: ProposedRule): readonly string[] {
  // The heading says it.
  if (why === NOTHING_PERSONAL) return [text];
  const reason = spoken(why);
  const beside = `${text.padEnd(width)} # ${reason}`;
  const lines = beside.length <= WIDTH ? [beside] : [...comment(reason, '      '), text];
  if (rule.kind === 'method' && rule.method.method === 'json') {
    lines.push('        method: json', '        paths:');
    for (const path of rule.method.paths)
      lines.push(`          ${inline(path.path)}: ${inline(ruleConfig(path.rule))}`);
  }
  const left = denied.slice(0, DENIED_SHOWN).map(({ path, why: because }) => `${path} (${because})`);
  const more = denied.length - left.length;
  if (left.length > 0)
    lines.push(...comment(`left out: ${left.join('; ')}${more > 0 ? `; and ${more} more` : ''}`, '        '));
  return lines;
}

const DENIED_SHOWN = 12;

/** One line, whatever a name holds: a comment must not end early. */
function spoken(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ');
}

function comment(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of spoken(text).split(' ')) {
    if (line !== '' && indent.length + line.length + word.length + 3 > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((content) => `${indent}# ${content}`);
}
