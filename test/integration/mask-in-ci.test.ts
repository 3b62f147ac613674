import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { PUBLISHED_TEST_KEY } from '../../src/mask/review/test-key.ts';
import { rowseal } from '../support/rowseal-process.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/mask-in-ci', import.meta.url));

let directory: string;
let config: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rowseal-mask-ci-'));
  cpSync(EXAMPLE, directory, { recursive: true });
  config = join(directory, 'rowseal.yaml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1);

const edit = (from: string, to: string, file = config): void =>
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));

function git(...args: readonly string[]): void {
  execFileSync(
    'git',
    ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'init.defaultBranch=main', ...args],
    {
      cwd: directory,
      stdio: 'ignore',
    },
  );
}

describe('examples/mask-in-ci', () => {
  it('passes its fixtures, without key, password and database', async () => {
    const { stdout, stderr, code } = await rowseal(['mask', 'test', '--config', config, '--test-key']);
    expect(lastLine(stdout)).toBe('5 passed, 0 failed');
    expect(stderr).toContain('published test key');
    expect(code).toBe(0);
  });

  it('explains itself offline', async () => {
    const { stdout, code } = await rowseal(['mask', 'explain', '--config', config, '--offline']);
    expect(stdout).toMatch(/email {7}email · domain email/);
    expect(stdout).toContain('joins     public.patients.profile$.contact.email, public.payments.payer_email');
    expect(stdout).toContain('15 columns, 0 undecided, 4 kept');
    expect(code).toBe(0);
    const markdown = await rowseal([
      'mask',
      'explain',
      '--config',
      config,
      '--offline',
      '--markdown',
      '--table',
      'public.visits',
    ]);
    expect(markdown.stdout).toContain('| `notes` | free text | scan for all classes |');
  });

  it('stops the proposed change, and says why', async () => {
    const proposed = join(directory, 'proposed.yaml');
    const { stdout, stderr, code } = await rowseal(['mask', 'diff', config, proposed, '--no-weaker']);
    expect(stdout).toContain('public.patients.full_name  redact → partial, first 1 kept');
    expect(stdout).not.toContain('postcode');
    expect(stderr).toContain('error[RS-MASK-016]');
    expect(code).toBe(1);
    const accepted = ['public.patients.full_name', 'public.visits.notes'].flatMap((column) => [
      '--accept',
      column,
    ]);
    expect((await rowseal(['mask', 'diff', config, proposed, '--no-weaker', ...accepted])).code).toBe(0);
    const all = await rowseal(['mask', 'diff', config, proposed, '--json']);
    expect(all.code).toBe(0);
    expect(JSON.parse(all.stdout).columns.map((change: { effect: string }) => change.effect)).toEqual([
      'more_visible',
      'less_visible',
      'more_visible',
    ]);
  });

  it('stops what a sink would get more than before, until it is accepted', async () => {
    const before = join(directory, 'before.yaml');
    cpSync(config, before);
    const sink = (tables: string): void =>
      edit('path: warehouse.duckdb }', `path: warehouse.duckdb, tables: ${tables} }`, before);
    sink('{ public.payments: { mask: { amount: redact } }, "*": {} }');
    const diff = (...more: string[]) => rowseal(['mask', 'diff', before, config, '--no-weaker', ...more]);
    const { stdout, stderr, code } = await diff();
    expect(stdout).toMatch(
      /▲ more visible\n {2}sinks\.warehouse\.public\.payments\.amount {2}redact → as the/,
    );
    expect(stdout).toContain('1 more visible, 0 not comparable');
    expect(stderr).toContain('RS-MASK-016');
    expect(code).toBe(1);
    const accepted = await diff('--accept', 'sinks.warehouse.public.payments.amount', '--markdown');
    expect(accepted.stdout).toContain('nothing becomes more visible');
    expect(accepted.code).toBe(0);
  });

  it('is compared with a committed version, modules included', async () => {
    writeFileSync(join(directory, 'mask.mjs'), 'export const mask = (value) => value.slice(0, 2);\n');
    edit('amount: keep', 'amount: { method: custom, module: mask.mjs, returns: text }');
    git('init');
    git('add', '.');
    git('commit', '-m', 'policy');
    const against = (...more: string[]) =>
      rowseal(['mask', 'diff', '--git', 'main', '--config', config, ...more]);
    expect((await against('--no-weaker')).stdout).toContain('nothing becomes more visible');
    writeFileSync(join(directory, 'mask.mjs'), 'export const mask = (value) => value;\n');
    const changed = await against('--no-weaker', '--json');
    expect(changed.code).toBe(1);
    expect(JSON.parse(changed.stdout)).toMatchObject({
      columns: [{ column: 'public.payments.amount', effect: 'not_comparable' }],
      error: { code: 'RS-MASK-016' },
    });
    const markdown = await against('--markdown');
    expect(markdown.stdout).toContain('| ◆ cannot be compared | `public.payments.amount` |');
    for (const revision of ['nothing', '--output=x', ''])
      expect((await rowseal(['mask', 'diff', `--git=${revision}`, '--config', config])).stderr).toContain(
        'RS-MASK-032',
      );
  });

  it('has a workflow that runs the commands of this version', async () => {
    const workflow = parse(readFileSync(join(directory, 'github-workflow.yml'), 'utf8'));
    const steps: { run?: string }[] = workflow.jobs.mask.steps;
    const commands = steps.flatMap(({ run }) => (run?.startsWith('rowseal ') === true ? [run] : []));
    expect(commands).toHaveLength(4);
    git('init');
    git('add', '.');
    git('commit', '-m', 'policy');
    for (const command of commands) {
      const args = command
        .replace(/ >> .*/, '')
        .replace('"origin/$GITHUB_BASE_REF"', 'main')
        .split(' ')
        .slice(1);
      expect((await rowseal([...args, '--config', config])).code).toBe(0);
    }
  });
});

describe('mask test', () => {
  it('fails with the place of the input, never its value', async () => {
    edit('full_name: redact', 'full_name: { method: partial, keep_last: 3 }');
    const { stdout, stderr, code } = await rowseal(['mask', 'test', '--config', config]);
    expect(lastLine(stdout)).toBe('4 passed, 1 failed');
    expect(stdout).toMatch(
      /expected {2}null\n +actual {4}"\*{6}ara"\n +input {5}tables\.public\.patients\.cases\[0\]\.input\.full_name, line 18/,
    );
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain('Ada Abara');
  });

  it('writes expectations that then hold', async () => {
    const fixtures = join(directory, 'new.yaml');
    writeFileSync(
      fixtures,
      'tables: { public.payments: { columns: { id: bigint, card: text }, cases: [{ input: { id: 1, card: "4111111111111111" } }] } }\n',
    );
    const args = ['mask', 'test', fixtures, '--config', config, '--test-key'];
    expect((await rowseal(args)).code).toBe(1);
    const updated = await rowseal([...args, '--update']);
    expect(updated.stdout).toContain('2 expectations written');
    expect(updated.code).toBe(0);
    expect(parse(readFileSync(fixtures, 'utf8')).tables['public.payments'].cases[0].expect).toEqual({
      id: { kept: true },
      card: expect.stringMatching(/^\d{12}1111$/),
    });
  });

  it('needs the key where the fixtures do, and says how to do without', async () => {
    edit('key: test\n', '', join(directory, 'fixtures/patients.yaml'));
    const { stderr, code } = await rowseal(['mask', 'test', '--config', config]);
    expect(stderr).toMatch(/error\[RS-CFG-006\][\s\S]*--test-key/);
    expect(code).toBe(2);
  });

  it('with the published key configured is all that the key is good for', async () => {
    edit('{ file: keys/rowseal-mask.key }', '{ env: MASK_KEY }');
    const { stderr } = await rowseal(['preview', '--config', config], {
      MASK_KEY: PUBLISHED_TEST_KEY,
      CLINIC_PASSWORD: 'x',
    });
    expect(stderr).toContain('RS-MASK-033');
  });
});
