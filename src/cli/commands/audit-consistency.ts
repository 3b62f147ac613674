import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { judgeConsistency, MAX_DOCUMENT_LENGTH, parseConsistency } from '../../audit/consistency/document.ts';
import { type ConsistencyOutcome, proveConsistency } from '../../audit/consistency/prove.ts';
import { nodeEd25519 } from '../../audit/ed25519/node-ed25519.ts';
import type { LogName } from '../../audit/log-entries.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { parseSignedHead, parseVerifierKey, type SignedHead } from '../../audit/note.ts';
import { followedKeys } from '../../audit/verify/key-history.ts';
import { HeadVerifier } from '../../audit/verify/signature.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { type Terminal, terminal } from '../context.ts';
import { readSmallFile } from '../small-file.ts';

interface ConsistencyArguments {
  readonly old: string | undefined;
  readonly new: string | undefined;
  readonly dir: string | undefined;
  readonly key: readonly string[] | undefined;
  readonly verify: string | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
}

type SignedBy = (head: SignedHead) => boolean;

export const consistencyCommand: CommandModule<object, ConsistencyArguments> = {
  command: 'consistency [old] [new]',
  describe: 'Prove that one signed head grew out of another, or check such a proof',
  builder: (yargs) =>
    yargs
      .positional('old', {
        type: 'string',
        describe: 'File with the older head of the journal or of a table',
      })
      .positional('new', {
        type: 'string',
        describe: 'File with the newer head; default: the newest in the log',
      })
      .option('dir', { type: 'string', describe: 'Audit directory' })
      .option('key', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'Verifier key to trust (name+id+base64), more than once after a change of keys',
      })
      .option('out', { type: 'string', describe: 'File for the proof; without it the proof goes to stdout' })
      .option('verify', { type: 'string', describe: 'Check this proof, with --key and nothing else' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example(
        '$0 audit consistency yesterday.head --dir audit --key "$(cat shop.vkey)" --out proof.json',
        '',
      )
      .example(
        '$0 audit consistency --verify proof.json --key "$(cat shop.vkey)"',
        'anywhere, without the log',
      )
      .epilogue(
        'Exit codes: 0 consistent, 10 forked, 11 the log is shorter than a head says, 12 a head is not signed by the key',
      ),
  handler: async (argv) => {
    const t = terminal(argv.json);
    if (argv.verify !== undefined) verify(t, argv, argv.verify);
    else await prove(t, argv);
  },
};

function verify(t: Terminal, argv: ConsistencyArguments, file: string): void {
  if (argv.key === undefined)
    throw usage('--verify needs --key: the proof brings none that could be trusted');
  if (argv.old !== undefined) throw usage('--verify takes no heads: they are in the proof');
  const document = parseConsistency(readSmallFile(file, MAX_DOCUMENT_LENGTH, '--verify'));
  if (document === null) {
    t.out(`${t.paint('red', '✘')} ${file} is not a consistency proof`);
    t.result({ verdict: 'malformed' });
    process.exitCode = Exit.tampered;
    return;
  }
  const verdict = judgeConsistency(document, signedByOneOf(argv.key));
  const { origin, size } = document.old.head;
  const words = {
    consistent: `${t.paint('green', '✔')} consistent: the ${document.new.head.size} entries of ${origin} begin with the ${size} of the older head`,
    unsigned: `${t.paint('red', '✘')} a head is not signed by the key`,
    forked: `${t.paint('red', '✘')} forked: the proof does not lead from one head to the other`,
    foreign: `${t.paint('red', '✘')} the heads are of two logs: ${origin} and ${document.new.head.origin}`,
  } as const;
  t.out(words[verdict]);
  t.result({ verdict, origin, old_size: size, new_size: document.new.head.size });
  process.exitCode = {
    consistent: Exit.ok,
    unsigned: Exit.signature,
    forked: Exit.tampered,
    foreign: Exit.tampered,
  }[verdict];
}

async function prove(t: Terminal, argv: ConsistencyArguments): Promise<void> {
  if (argv.old === undefined || argv.dir === undefined)
    throw usage('needs the older head and --dir, or --verify FILE');
  const disk = new NodeDisk();
  const texts = [argv.old, ...(argv.new === undefined ? [] : [argv.new])].map((file) =>
    readSmallFile(file, MAX_DOCUMENT_LENGTH, 'the head'),
  );
  const heads = texts.map(parseSignedHead);
  const [old] = heads;
  if (old === null || old === undefined || heads.includes(null))
    throw usage('a given file is not a signed head');
  const pinned = argv.key ?? [readSmallFile(join(argv.dir, 'log.vkey'), MAX_DOCUMENT_LENGTH, '--dir').trim()];
  if (argv.key === undefined)
    t.say('the key was not pinned: it was taken from the directory itself (--key VKEY)');
  const signed = await followedKeys(disk, argv.dir, pinned.map(keyOf));
  const origin = keyOf(pinned[0]!).name;
  if (!heads.every((head) => signed(head!))) {
    t.out(`${t.paint('red', '✘')} a head is not signed by the key`);
    t.result({ verdict: 'unsigned' });
    process.exitCode = Exit.signature;
    return;
  }
  if (heads.some((head) => head!.head.origin !== old.head.origin)) throw usage('the heads are of two logs');
  const outcome = await proveConsistency(
    disk,
    argv.dir,
    logNamed(origin, old, argv.dir),
    texts[0]!,
    texts[1] ?? null,
  );
  report(t, argv, outcome);
}

function report(t: Terminal, argv: ConsistencyArguments, outcome: ConsistencyOutcome): void {
  switch (outcome.kind) {
    case 'proven': {
      if (argv.out === undefined) {
        process.stdout.write(outcome.document);
        return;
      }
      writeFileSync(argv.out, outcome.document);
      const { origin, size } = outcome.new.head;
      t.out(
        `${t.paint('green', '✔')} consistent: ${outcome.old.head.size} to ${size} entries of ${origin}; the proof is in ${argv.out}`,
      );
      t.result({
        verdict: 'consistent',
        origin,
        old_size: outcome.old.head.size,
        new_size: size,
        file: argv.out,
      });
      return;
    }
    case 'shorter':
      t.out(
        `${t.paint('red', '✘')} truncated or rolled back: a head for ${outcome.head.head.size} entries was signed, the log has ${outcome.size}`,
      );
      t.result({ verdict: 'truncated', head_size: outcome.head.head.size, size: outcome.size });
      process.exitCode = Exit.truncated;
      return;
    case 'forked':
      t.out(
        `${t.paint('red', '✘')} forked: the log has another root at size ${outcome.head.head.size} than the head`,
      );
      t.result({ verdict: 'forked', head_size: outcome.head.head.size });
      process.exitCode = Exit.tampered;
      return;
    case 'unreadable':
      t.out(`${t.paint('red', '✘')} the log cannot be read: ${outcome.why}`);
      t.result({ verdict: 'unreadable', why: outcome.why });
      process.exitCode = Exit.tampered;
  }
}

/** The log that a head is of, by its origin. */
function logNamed(origin: string, { head }: SignedHead, directory: string): LogName {
  if (head.origin === origin) return { kind: 'journal' };
  const name = head.origin.startsWith(`${origin}/tables/`)
    ? head.origin.slice(`${origin}/tables/`.length)
    : '';
  if (/^[A-Za-z0-9._-]+$/.test(name) && existsSync(join(directory, 'tables', name)))
    return { kind: 'table', directory: name };
  throw usage(`the directory holds no log of ${head.origin}`);
}

function signedByOneOf(keys: readonly string[]): SignedBy {
  const verifiers = keys.map((key) => new HeadVerifier(keyOf(key), nodeEd25519));
  return (head) => verifiers.some((verifier) => verifier.signedByKey(head));
}

function keyOf(text: string): NonNullable<ReturnType<typeof parseVerifierKey>> {
  const key = parseVerifierKey(text);
  if (key === null) throw usage('--key is not a verifier key (name+id+base64)');
  return key;
}

function usage(detail: string): RowsealError {
  return new RowsealError('RS-CLI-001', { detail });
}
