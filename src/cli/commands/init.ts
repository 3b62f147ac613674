import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { refuseDangerousEnvironment } from '../../config/load.ts';
import { writeConfig } from '../../config/write-config.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { PRESET_NAMES } from '../../mask/preset/presets.ts';
import type { PolicyProposal } from '../../mask/propose/policy-proposal.ts';
import { packageVersion, terminal } from '../context.ts';
import {
  complete,
  type InitArguments,
  type InitOptions,
  requirePipelineName,
  sinkOf,
} from '../init-arguments.ts';
import { writeFiles } from '../init-files.ts';
import { propose, verify } from '../init-proposal.ts';
import { counts, report } from '../init-report.ts';
import { databaseOf, login, loginOptions, PASSWORD_VARIABLE } from '../source-login.ts';
import { MASK_KEY_FILE, SIGNING_KEY_FILE } from './keys.ts';
import { requireNumbers, sampleOptions } from './scan.ts';

export const initCommand: CommandModule<object, InitOptions> = {
  command: 'init',
  describe:
    'Read a database and write rowseal.yaml with a decision for every column, and the keys; without --url it asks',
  builder: (yargs) =>
    yargs
      .options(loginOptions)
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'File to write' })
      .options(sampleOptions)
      .option('sample', {
        type: 'boolean',
        default: true,
        describe: 'Look at values; --no-sample: at names and types only',
      })
      .option('preset', {
        choices: PRESET_NAMES,
        describe: 'What becomes of which kind of data (default: gdpr)',
      })
      .option('pipeline', { type: 'string', describe: 'Name of the pipeline (default: of the database)' })
      .option('sink', {
        type: 'string',
        describe: 'Where to: duckdb:FILE (default: duckdb:warehouse.duckdb)',
      })
      .option('keys-dir', {
        type: 'string',
        default: 'keys',
        describe: 'Directory of the key files; existing keys are used',
      })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Overwrite the configuration (never a key)',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Print the configuration; write nothing',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 init', 'asks for what it needs')
      .example('$0 init --url postgres://rowseal@db/shop --exclude "*_log"', 'asks nothing but a password')
      .example('$0 init --url postgres://rowseal@db/clinic --preset hipaa --dry-run', 'to look at it first'),
  handler: async (given) => {
    refuseDangerousEnvironment(process.env);
    requireNumbers(given);
    const t = terminal(given.json);
    if (given.sink !== undefined) sinkOf(given.sink);
    requirePipelineName(given.pipeline);
    const file = resolve(given.config);
    if (existsSync(file) && !given.force && !given['dry-run'])
      throw new RowsealError('RS-SCAN-002', { detail: given.config, state: 'nothing was written' });
    const argv = await complete(given);
    const sink = sinkOf(argv.sink);
    const account = await login(argv, process.env);
    if (account.passwordInUrl)
      t.say(`the password in the URL is seen by everyone who lists processes; ${PASSWORD_VARIABLE} is not`);
    const { proposal, schemas, unreadable } = await propose(argv, account, t);
    const text = writeConfig({
      pipeline: argv.pipeline ?? pipelineName(account.url),
      source: {
        type: account.source.type,
        url: account.url,
        password: account.passwordReference,
        tls: tlsOf(argv),
      },
      maskKeyFile: join(argv['keys-dir'], MASK_KEY_FILE),
      signingKeyFile: join(argv['keys-dir'], SIGNING_KEY_FILE),
      auditDirectory: 'audit',
      sink,
      proposal,
      preamble: preamble(argv, proposal),
    });
    const joins = verify(text, schemas);
    if (argv['dry-run']) t.out(text);
    else writeFiles(file, text, argv, account);
    report(t, argv, account, proposal, [...joins, ...unreadable]);
    t.result({
      config: argv['dry-run'] ? null : argv.config,
      text: argv['dry-run'] ? text : undefined,
      ...counts(proposal),
      warnings: proposal.warnings,
      broken_joins: joins.map(({ detail }) => detail),
    });
  },
};

function pipelineName(url: string): string {
  const name = databaseOf(url)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 30);
  return name === '' ? 'main' : name;
}

function tlsOf(argv: InitArguments): Readonly<Record<string, string>> {
  return {
    ...(argv['tls-mode'] === undefined ? {} : { mode: argv['tls-mode'] }),
    ...(argv['tls-ca-file'] === undefined ? {} : { ca_file: argv['tls-ca-file'] }),
  };
}

function preamble(argv: InitArguments, { preset }: PolicyProposal): readonly string[] {
  const looked = argv.sample
    ? `names, types and up to ${argv['sample-rows'].toLocaleString('en')} rows of each table`
    : 'names and types only: no row was read';
  return [
    `Written by rowseal init ${packageVersion()}, preset ${preset.name} (${preset.title}), from ${looked}.`,
    'A proposal for review: a sample shows that personal data is there, never that there is none. Numbers in brackets are how sure the reason is, from 0 to 1.',
    preset.scope,
  ];
}
