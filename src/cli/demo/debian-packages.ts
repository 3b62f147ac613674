import { execFile } from 'node:child_process';
import {
  access,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A database server out of Debian's archive, unpacked into a folder of its own; nothing is installed. */
export interface DebianServer {
  readonly flavor: 'mysql' | 'mariadb';
  /** `/usr` of the folder. */
  readonly usr: string;
  /** Program and first arguments that run a program of the folder with the folder's own loader and C library. */
  command(program: string): Promise<readonly [string, ...string[]]>;
}

export interface DebianRelease {
  readonly flavor: 'mysql' | 'mariadb';
  /** Suite of Debian: `sid` has MySQL 9 and MariaDB 11, `bookworm` MariaDB 10.11. */
  readonly suite: string;
}

/** Left out of the folder: nothing a server needs to start. */
const NEEDLESS = /^lib(perl|gdbm|db5|udev|crypt-|c-gconv|gpm)/;

/**
 * Gets the server's packages with apt, which checks the archive's signatures, and unpacks them below the temporary
 * directory (or ROWSEAL_SERVER_CACHE). apt's state is private: lists, cache and package status of the system are not
 * touched. Done once per machine; later calls find the folder.
 *
 * @throws Error with one line that says what is missing: apt, an archive, the network
 */
export async function getDebianServer(release: DebianRelease): Promise<DebianServer> {
  const base = process.env['ROWSEAL_SERVER_CACHE'] ?? join(tmpdir(), `rowseal-servers-${userInfo().uid}`);
  const home = join(base, `${release.flavor}-${release.suite}`);
  if (!(await exists(join(home, 'packages.txt')))) {
    await mkdir(base, { recursive: true, mode: 0o755 });
    const partial = await mkdtemp(join(base, 'partial-'));
    try {
      await unpack(release, partial);
      // Another process may have been faster; its folder is as good.
      await rename(partial, home).catch(() => {});
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  return folder(release.flavor, home);
}

async function unpack(release: DebianRelease, home: string): Promise<void> {
  const root = join(home, 'root');
  const apt = await aptOptions(release.suite, join(home, 'apt'));
  const cache = join(home, 'apt', 'cache', 'archives');
  await must('apt-get', [...apt, '-qq', 'update']);
  const core = [`${release.flavor}-server-core`, `${release.flavor}-client-core`];
  const plan = await must('apt-get', [...apt, '-s', 'install', ...core]);
  const names = [...plan.matchAll(/^Inst (\S+)/gm)]
    .map((match) => match[1]!)
    .filter((name) => /^(mysql-|mariadb-|lib|zlib1g)/.test(name) && !NEEDLESS.test(name));
  // MariaDB keeps plugins and system tables in packages that are not of its core.
  if (release.flavor === 'mariadb') names.push('mariadb-client', 'mariadb-server');
  await must('apt-get', [...apt, '-qq', 'download', ...new Set(names)], cache);
  await mkdir(root, { recursive: true });
  const versions: string[] = [];
  for (const file of (await readdir(cache)).filter((name) => name.endsWith('.deb'))) {
    await must('dpkg-deb', ['-x', join(cache, file), root]);
    versions.push((await must('dpkg-deb', ['-W', join(cache, file)])).trim());
  }
  await mergeUsr(root);
  for (const name of ['doc', 'man', 'locale', 'lintian', 'perl5'])
    await rm(join(root, 'usr', 'share', name), { recursive: true, force: true });
  await rm(join(home, 'apt'), { recursive: true, force: true });
  await writeFile(join(home, 'packages.txt'), `${versions.join('\n')}\n`);
}

/** apt-get options for a private state; the empty package status makes every dependency come from the suite. */
async function aptOptions(suite: string, state: string): Promise<readonly string[]> {
  for (const name of ['etc', 'prefs', 'lists/partial', 'cache/archives/partial'])
    await mkdir(join(state, name), { recursive: true });
  await writeFile(join(state, 'status'), '');
  await writeFile(join(state, 'etc', 'preferences'), '');
  const arch = (await must('dpkg', ['--print-architecture'])).trim();
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(
    join(state, 'etc', 'sources.list'),
    `deb [arch=${arch} signed-by=${keyring}] ${await debianMirror()} ${suite} main\n`,
  );
  const settings = [
    `Dir::Etc::sourcelist=${state}/etc/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::Etc::preferences=${state}/etc/preferences`,
    `Dir::Etc::preferencesparts=${state}/prefs`,
    `Dir::State=${state}`,
    `Dir::State::lists=${state}/lists`,
    `Dir::State::status=${state}/status`,
    `Dir::Cache=${state}/cache`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
    `APT::Sandbox::User=${userInfo().username}`,
    'APT::Install-Recommends=0',
    'Debug::NoLocking=1',
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

/** The archive that this machine's own apt sources name, so that nothing else is contacted. */
async function debianMirror(): Promise<string> {
  const listed = await must('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
    'Origin: Debian',
    'Label: Debian',
  ]);
  const fromLists = listed.split('\n').find((line) => line !== '');
  if (fromLists !== undefined) return fromLists;
  // Lists never fetched: the source files themselves.
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(await readdir(folder).catch(() => [])).map((name) => join(folder, name)),
  ];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S+\/debian\/?)(?:\s|$)/m.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('no Debian archive among the apt sources of this machine');
}

/** Old packages have /lib beside /usr/lib: one place serves both. Links made for `/` are turned into the folder. */
async function mergeUsr(root: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    const old = join(root, name);
    if (!(await exists(old)) || (await lstat(old)).isSymbolicLink()) continue;
    await cp(old, join(root, 'usr', name), { recursive: true, verbatimSymlinks: true });
    await rm(old, { recursive: true, force: true });
  }
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = join(entry.parentPath, entry.name);
    const target = await readlink(link);
    if (!target.startsWith('/')) continue;
    for (const inside of [join(root, target), join(root, 'usr', target)]) {
      if (!(await exists(inside))) continue;
      await rm(link);
      await symlink(relative(dirname(link), inside), link);
      break;
    }
  }
}

async function folder(flavor: 'mysql' | 'mariadb', home: string): Promise<DebianServer> {
  const usr = join(home, 'root', 'usr');
  const multiarch = (await readdir(join(usr, 'lib'))).find((name) => /-linux-gnu/.test(name)) ?? '';
  const libraries = join(usr, 'lib', multiarch);
  return {
    flavor,
    usr,
    command: async (program) => {
      const loader = await findLoader([join(usr, 'lib64'), libraries, join(usr, 'lib')]);
      const binary = (await exists(join(usr, 'sbin', program)))
        ? join(usr, 'sbin', program)
        : join(usr, 'bin', program);
      return [loader, '--argv0', program, '--library-path', `${libraries}:${libraries}/private`, binary];
    },
  };
}

async function findLoader(directories: readonly string[]): Promise<string> {
  for (const directory of directories) {
    const name = (await readdir(directory).catch(() => [])).find((entry) =>
      /^ld-linux.*\.so\.\d$/.test(entry),
    );
    if (name !== undefined) return realpath(join(directory, name));
  }
  throw new Error('the unpacked server has no loader');
}

async function must(program: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await run(program, [...args], {
      maxBuffer: 1 << 26,
      ...(cwd === undefined ? {} : { cwd }),
    });
    return stdout;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(
      code === 'ENOENT' ? `there is no ${program} here` : `${program} ${args.at(-1) ?? ''} failed (${code})`,
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Last lines of a server's log, for an error message. */
export async function tailOf(file: string): Promise<string> {
  const handle = await open(file).catch(() => null);
  if (handle === null) return '';
  try {
    return (await handle.readFile('utf8')).split('\n').slice(-8).join('\n');
  } finally {
    await handle.close();
  }
}
