import { parsePolicy } from '../config/parse-policy.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { generateMaskKeyFile, MaskKeys } from '../mask/keys.ts';
import { noCustomFunctions } from '../mask/method/custom.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { presetOf } from '../mask/preset/presets.ts';
import { type PolicyProposal, proposePolicy } from '../mask/propose/policy-proposal.ts';
import type { Finding } from '../model/finding.ts';
import { displayName, type TableSchema } from '../model/table.ts';
import { printUnread } from './commands/scan.ts';
import type { Terminal } from './context.ts';
import type { InitArguments } from './init-arguments.ts';
import { askExcluded } from './init-interview.ts';
import { makeSource } from './make-source.ts';
import { discoverTables, scanTables } from './scan-tables.ts';
import type { Login } from './source-login.ts';
import { chooseTables } from './table-patterns.ts';
import { visible } from './visible.ts';

export interface Proposed {
  readonly proposal: PolicyProposal;
  readonly schemas: readonly TableSchema[];
  readonly unreadable: readonly Finding[];
}

export async function propose(argv: InitArguments, account: Login, t: Terminal): Promise<Proposed> {
  const source = (await makeSource({ source: account.source }))();
  try {
    const discovered = await discoverTables(source, account.source.password !== null);
    const unsayable = discovered.filter(({ table }) => whyUnsayable(table) !== null);
    const sayable = discovered.filter((found) => !unsayable.includes(found));
    const ask = argv.asking && argv.tables.length === 0 && argv.exclude.length === 0;
    const tables = chooseTables(sayable, argv.tables, ask ? await askExcluded(sayable) : argv.exclude);
    const scanned = await scanTables(source, tables, argv.sample ? argv['sample-rows'] : 0, t);
    if (!argv.json && !argv['dry-run']) printUnread(t, scanned.unread);
    const proposal = proposePolicy(scanned.tables, presetOf(argv.preset, new Date().getUTCFullYear()));
    return {
      proposal,
      schemas: tables.map(({ table }) => table),
      unreadable: unsayable.map(({ table }) => ({
        level: 'warning',
        code: null,
        subject: visible(displayName(table)),
        detail: `left out: ${whyUnsayable(table)}`,
        fix: null,
      })),
    };
  } finally {
    await source.close();
  }
}

/** Names that the configuration cannot write; null: it can. */
function whyUnsayable(table: TableSchema): string | null {
  if (table.name.includes('.') || table.namespace.includes('.'))
    return 'the configuration writes tables as schema.table, so neither may have a dot in its name';
  if (table.columns.length === 0) return 'it has no columns';
  if (/\$\{(?:env|file):/.test(displayName(table)))
    return 'its name would be read as a reference to a secret';
  if (table.columns.some(({ name }) => name === '__proto__'))
    return 'it has a column named __proto__, which the configuration cannot name';
  return null;
}

/**
 * What was written is read back and compiled against the schema it was made for.
 *
 * @throws RowsealError RS-SCAN-003
 */
export function verify(text: string, schemas: readonly TableSchema[]): readonly Finding[] {
  try {
    const policy = new CompiledPolicy(
      parsePolicy(text),
      MaskKeys.parse(generateMaskKeyFile(), 1),
      noCustomFunctions,
    );
    policy.check(schemas);
    return policy.brokenJoins(schemas);
  } catch (thrown) {
    const detail =
      thrown instanceof RowsealError ? `${thrown.code}: ${thrown.message}` : 'it cannot be read back';
    throw new RowsealError('RS-SCAN-003', { detail, state: 'nothing was written' });
  }
}
