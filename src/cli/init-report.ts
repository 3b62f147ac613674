import type { PolicyProposal } from '../mask/propose/policy-proposal.ts';
import type { Finding } from '../model/finding.ts';
import type { Terminal } from './context.ts';
import { printFinding } from './findings.ts';
import type { InitArguments } from './init-arguments.ts';
import type { Login } from './source-login.ts';
import { visible } from './visible.ts';

type Outcome = 'kept' | 'token' | 'coarser' | 'left out';

/** How many columns become what. */
export function counts(proposal: PolicyProposal): Readonly<Record<string, number>> {
  const outcomes = proposal.tables.flatMap((table) => table.columns.map(({ rule }) => outcomeOf(rule)));
  const of = (wanted: Outcome): number => outcomes.filter((outcome) => outcome === wanted).length;
  return {
    tables: proposal.tables.length,
    columns: outcomes.length,
    tokens: of('token'),
    coarser: of('coarser'),
    left_out: of('left out'),
    kept: of('kept'),
  };
}

function outcomeOf(rule: PolicyProposal['tables'][number]['columns'][number]['rule']): Outcome {
  if (rule.kind === 'domain') return 'token';
  switch (rule.method.method) {
    case 'keep':
      return 'kept';
    case 'token':
    case 'uuid':
      return 'token';
    case 'redact':
    case 'drop':
      return 'left out';
    default:
      return 'coarser';
  }
}

export function report(
  t: Terminal,
  argv: InitArguments,
  account: Login,
  proposal: PolicyProposal,
  findings: readonly Finding[],
): void {
  // A dry run's stdout is the configuration and nothing else.
  if (argv['dry-run'] || argv.json) {
    for (const warning of proposal.warnings) t.say(`warning: ${visible(warning)}`);
    return;
  }
  const { tables, columns, tokens, coarser, left_out, kept } = counts(proposal);
  t.out(
    `${t.paint('green', '✔')} ${t.paint('bold', argv.config)}: ${tables} tables, ${columns} columns, all decided; it compiles against the database`,
  );
  t.out(
    `  ${tokens} become tokens, ${coarser} coarser or in part, ${left_out} are left out, ${kept} stay as they are`,
  );
  t.out(
    `${t.paint('green', '✔')} keys in ${argv['keys-dir']}/: keep copies off this machine, and out of version control`,
  );
  for (const finding of findings) printFinding(t, finding);
  for (const warning of proposal.warnings) t.out(`${t.paint('yellow', '⚠')} ${visible(warning)}`);
  const option = argv.config === 'rowseal.yaml' ? '' : ` --config ${argv.config}`;
  t.out('next:');
  if (account.passwordVariable !== null && (process.env[account.passwordVariable] ?? '') === '')
    t.out(`  export ${account.passwordVariable}=…   # the configuration reads it`);
  t.out(`  review ${argv.config}, above all what it keeps`);
  t.out(`  rowseal check${option}      # source, policy, keys, sinks`);
  t.out(`  rowseal run${option}`);
}
