import type { CommandModule } from 'yargs';
import { readAccessLines } from '../../audit/access-log.ts';
import type { SealedEvent } from '../../audit/audit-log.ts';
import { GroupReader } from '../../audit/group-reader.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { formatVerifierKey, MAX_NOTE_LENGTH } from '../../audit/note.ts';
import { exitOf, type Problem, type VerifyReport } from '../../audit/verify/report.ts';
import { verifyAudit } from '../../audit/verify/verify.ts';
import type { WitnessPolicy } from '../../audit/witness-policy.ts';
import { type ErrorCode, errorCodes } from '../../error/codes.ts';
import { DROPPED, type MaskedCell, UNCHANGED } from '../../model/cell.ts';
import { Image, type Op, opLetter } from '../../model/change.ts';
import type { Gap, MaskedRun } from '../../model/masked.ts';
import { describePosition } from '../../model/position.ts';
import { displayName } from '../../model/table.ts';
import { type Terminal, terminal } from '../context.ts';
import { readSmallFile } from '../small-file.ts';
import { visible } from '../visible.ts';
import { chosenPolicy, type PolicyChoice, witnessOptions } from '../witness-choice.ts';
import { consistencyCommand } from './audit-consistency.ts';
import { eraseCommand } from './audit-erase.ts';
import { expireCommand } from './audit-expire.ts';
import { exportCommand } from './audit-export.ts';
import { historyCommand } from './audit-history.ts';
import { matchCommand } from './audit-match.ts';
import { proveCommand } from './audit-prove.ts';
import { reconcileCommand } from './audit-reconcile.ts';
import { replayCommand } from './audit-replay.ts';
import { rotateKeyCommand } from './audit-rotate-key.ts';
import { verifyProofCommand } from './audit-verify-proof.ts';
import { witnessCommand } from './audit-witness.ts';

interface VerifyArguments extends PolicyChoice {
  readonly dir: string;
  readonly table: string | undefined;
  readonly key: readonly string[] | undefined;
  readonly head: readonly string[] | undefined;
  readonly json: boolean;
}

interface ShowArguments {
  readonly dir: string;
  readonly table: string | undefined;
  readonly from: number;
  readonly limit: number;
  readonly access: boolean;
  readonly json: boolean;
}

export const auditCommand: CommandModule = {
  command: 'audit <command>',
  describe:
    'Verify or read an audit log, prove the history of a row, compare a warehouse with the log or fill one from it, take rows out of it',
  builder: (yargs) =>
    yargs
      .command(verifyCommand)
      .command(showCommand)
      .command(eraseCommand)
      .command(proveCommand)
      .command(verifyProofCommand)
      .command(historyCommand)
      .command(matchCommand)
      .command(expireCommand)
      .command(replayCommand)
      .command(reconcileCommand)
      .command(consistencyCommand)
      .command(exportCommand)
      .command(rotateKeyCommand)
      .command(witnessCommand)
      .demandCommand(1, 'audit needs a command; see --help'),
  handler: () => {},
};

const verifyCommand: CommandModule<object, VerifyArguments> = {
  command: 'verify',
  describe: 'Re-hash everything and check every signature; trusts nothing but the key',
  builder: (yargs) =>
    witnessOptions(yargs)
      .option('dir', { type: 'string', demandOption: true, describe: 'Audit directory' })
      .option('table', {
        type: 'string',
        describe: 'Only this table (schema.table); the journal is always checked',
      })
      .option('key', {
        type: 'string',
        array: true,
        nargs: 1,
        describe:
          'Verifier key to trust (name+id+base64), and with it the keys that it adds; may be repeated; without it the one beside the log is used',
      })
      .option('head', {
        type: 'string',
        array: true,
        nargs: 1,
        describe:
          'File with a signed head kept elsewhere: shows a cut-off end or another history; may be repeated',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example(
        '$0 audit verify --dir audit --key "$(cat shop.vkey)" --head yesterday.head',
        'the strongest check',
      )
      .epilogue(
        'Exit codes: 0 good, 1 a recorded erasure or expiry is not carried out, or was carried out meanwhile, 10 tampered, 11 truncated or rolled back, 12 signature missing or not by the key, or too few witnesses',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    const policy = chosenPolicy(argv);
    const report = await verifyAudit({
      directory: argv.dir,
      ...(argv.table === undefined ? {} : { table: argv.table }),
      ...pinnedKeys(argv.key, policy),
      ...(argv.head === undefined
        ? {}
        : { head: argv.head.map((file) => readSmallFile(file, MAX_NOTE_LENGTH, '--head')) }),
      ...(policy === null ? {} : { policy }),
    });
    printReport(t, report);
    process.exitCode = exitOf(report);
  },
};

/** The given keys; else those of the logs that a policy names. */
function pinnedKeys(
  given: readonly string[] | undefined,
  policy: WitnessPolicy | null,
): { readonly key?: readonly string[] } {
  if (given !== undefined) return { key: given };
  const named = (policy?.logs ?? []).map(({ name, publicKey }) => formatVerifierKey(name, publicKey));
  return named.length === 0 ? {} : { key: named };
}

/** Also used by the demo. */
export function printReport(t: Terminal, report: VerifyReport): void {
  t.out(
    `log ${report.origin}: ${report.groups} groups, ${report.tables} tables, ${report.records} records, ${report.signatures} signatures, ${(report.bytes / 1e6).toFixed(1)} MB${report.storedBytes < report.bytes ? ` (${(report.storedBytes / 1e6).toFixed(1)} MB on disk)` : ''}`,
  );
  if (report.erasures > 0)
    t.out(`erased: ${report.erased} row images, by ${report.erasures} signed erasure records`);
  for (const gap of report.gaps) t.out(`${t.paint('yellow', '!')} ${describeGap(gap)}`);
  if (report.expiries > 0)
    t.out(
      `expired: ${report.expired} row images, by ${report.expiries} signed expiry records; the records stand`,
    );
  if (report.accesses > 0) t.out(`access log: ${report.accesses} requests to turn tokens back`);
  for (const problem of report.problems.slice(0, 20))
    t.out(`${t.paint('red', '✘')} ${describeProblem(problem)}`);
  if (report.problems.length > 20) t.out(`  and ${report.problems.length - 20} more`);
  for (const note of report.notes) t.out(`${t.paint('gray', '–')} ${note}`);
  t.out(
    report.problems.length === 0
      ? `${t.paint('green', '✔')} 0 problems${report.keyPinned ? '' : ', under a key that was not pinned'}`
      : `${t.paint('red', '✘')} ${report.problems.length} problem${report.problems.length === 1 ? '' : 's'}; do not rely on this log after the first`,
  );
  t.result({ ...report, exit: exitOf(report) });
}

/** `cause` may be of a version that knows more codes than this one. */
function describeGap(gap: Gap & { readonly group: number }): string {
  const known = Object.hasOwn(errorCodes, gap.cause) ? ` ${errorCodes[gap.cause as ErrorCode].title}` : '';
  const tables = gap.tables.map(displayName).join(', ');
  return visible(
    `gap at group ${gap.group}: what the source did from ${gap.from} to ${gap.to} is not in the log (${gap.cause}${known}); accepted by ${JSON.stringify(gap.actor)}: ${JSON.stringify(gap.reason)}; ${gap.copied ? 'copied again' : 'not copied again'}: ${tables}`,
  );
}

export function describeProblem(problem: Problem): string {
  const where = [
    problem.table === null ? '' : `table ${problem.table}`,
    problem.seq === null ? '' : `record ${problem.seq}`,
    problem.group === null ? '' : `group ${problem.group}`,
    problem.file === null ? '' : `${problem.file}${problem.offset === null ? '' : `:${problem.offset}`}`,
  ].filter((part) => part !== '');
  return `${problem.code} ${errorCodes[problem.code as ErrorCode].title}: ${problem.what}${where.length === 0 ? '' : `\n    at ${where.join(', ')}`}`;
}

const showCommand: CommandModule<object, ShowArguments> = {
  command: 'show',
  describe: 'Print sealed changes, masked as they were sealed',
  builder: (yargs) =>
    yargs
      .option('dir', { type: 'string', demandOption: true, describe: 'Audit directory' })
      .option('table', { type: 'string', describe: 'Only this table (schema.table)' })
      .option('from', { type: 'number', default: 0, describe: 'First group' })
      .option('limit', { type: 'number', default: 50, describe: 'Changes to print at most' })
      .option('access', {
        type: 'boolean',
        default: false,
        describe: 'The requests to turn tokens back, instead of changes; --from counts requests',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line' })
      .example('$0 audit show --dir audit --table public.orders --limit 5', '')
      .epilogue('Shows what is there; whether it is genuine says `audit verify`.'),
  handler: async (argv) => {
    if (argv.access) await showAccesses(argv);
    else await showChanges(argv);
  },
};

async function showAccesses(argv: ShowArguments): Promise<void> {
  const t = terminal(argv.json);
  const lines = await readAccessLines(new NodeDisk(), argv.dir);
  for (const { entry } of lines.slice(argv.from, argv.from + argv.limit)) {
    const time = isoOfUs(BigInt(entry.time_us));
    t.out(
      `${t.paint('gray', time)}  ${JSON.stringify(entry.actor)}  ${entry.outcome}  ${entry.tokens.length} tokens of ${entry.space}\n  ${JSON.stringify(entry.reason)}`,
    );
    t.result(entry);
  }
}

async function showChanges(argv: ShowArguments): Promise<void> {
  const t = terminal(argv.json);
  let left = argv.limit;
  for await (const group of new GroupReader(new NodeDisk(), argv.dir).read(
    argv.from,
    Number.MAX_SAFE_INTEGER,
  )) {
    let transaction = '';
    let rows = 0;
    for await (const events of group.chunks()) {
      for (const event of events) {
        if (event.kind === 'begin') {
          transaction = `${event.transaction.id} ${isoOfUs(event.transaction.commitTimeUs)} ${describePosition(event.transaction.position)}`;
          continue;
        }
        if (event.kind === 'gap') {
          t.out(describeGap({ ...event.gap, group: group.index }));
          t.result({ group: group.index, gap: event.gap });
          continue;
        }
        if (event.kind === 'rows') rows += event.run.count;
        for (const change of changesOf(event, argv.table)) {
          if (left-- <= 0) return;
          t.out(
            `${t.paint('gray', `group ${group.index}  tx ${transaction}`)}\n  ${change.op}  ${change.table}  ${JSON.stringify(change.after ?? change.before ?? {})}`,
          );
          t.result({ group: group.index, transaction, ...change });
        }
      }
    }
    // The leaf counts what was sealed; what cannot be read back was erased.
    const erased = group.rows - rows;
    if (erased === 0) continue;
    t.out(t.paint('gray', `group ${group.index}  ${erased} rows erased`));
    t.result({ group: group.index, erased });
  }
}

function isoOfUs(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString();
}

interface ShownChange {
  readonly op: string;
  readonly table: string;
  readonly before?: Record<string, unknown>;
  readonly after?: Record<string, unknown>;
}

function* changesOf(event: SealedEvent, only: string | undefined): Generator<ShownChange> {
  if (event.kind !== 'rows' && event.kind !== 'truncate' && event.kind !== 'snapshot') return;
  const table = displayName(event.kind === 'rows' ? event.run.table : event.table);
  if (only !== undefined && only !== table) return;
  if (event.kind !== 'rows') {
    yield { op: event.kind === 'truncate' ? 't' : `snapshot ${event.phase}`, table };
    return;
  }
  const { run } = event;
  const width = run.table.columns.length;
  let at = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    const before = (bits & Image.before) === 0 ? undefined : image(run, at);
    if (before !== undefined) at += width;
    const after = (bits & Image.after) === 0 ? undefined : image(run, at);
    if (after !== undefined) at += width;
    yield {
      op: opLetter[run.ops[row]! as Op],
      table,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
  }
}

/** Cells by name; what is not a value is said in words, never as null. */
function image(run: MaskedRun, at: number): Record<string, unknown> {
  const shown = (cell: MaskedCell): unknown => (cell === UNCHANGED ? { unchanged: true } : cell);
  return Object.fromEntries(
    run.table.columns
      .map((column, i) => [column.name, run.cells[at + i]!] as const)
      .filter(([, cell]) => cell !== DROPPED)
      .map(([name, cell]) => [name, shown(cell)]),
  );
}
