import type { CommandModule } from 'yargs';

interface DemoArguments {
  readonly dir: string | undefined;
  readonly rows: number;
  readonly source: 'postgres' | 'mysql' | 'mariadb';
  readonly keep: boolean;
  readonly json: boolean;
}

export const demoCommand: CommandModule<object, DemoArguments> = {
  command: 'demo',
  describe: 'Everything at once on an embedded database, with a tamper attempt that gets caught',
  builder: (yargs) =>
    yargs
      .option('dir', { type: 'string', describe: 'Where to work (default: a temporary directory)' })
      .option('rows', { type: 'number', default: 100_000, describe: 'Row changes to make' })
      .option('source', {
        choices: ['postgres', 'mysql', 'mariadb'] as const,
        default: 'postgres' as const,
        describe: 'Production database; MySQL and MariaDB are unpacked from Debian, where that can be had',
      })
      .option('keep', {
        type: 'boolean',
        default: false,
        describe: 'Keep the directory (always kept with --dir)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 demo', 'under a minute')
      .example('$0 demo --source mysql', 'the same, read from a binlog')
      .example('$0 demo --dir ./rowseal-demo --rows 20000', 'to look around afterwards'),
  handler: async (argv) => {
    const { demo } = await import('../demo/demo.ts');
    process.exitCode = await demo(argv);
  },
};
