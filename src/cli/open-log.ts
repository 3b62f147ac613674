import type { ImageAge } from '../audit/expire.ts';
import type { StorageOptions } from '../audit/file-audit-log.ts';
import { NodeDisk } from '../audit/node-disk.ts';
import { type OpenedAuditLog, openAuditLog } from '../audit/open.ts';
import type { Signer } from '../audit/signers/signer.ts';
import { tableDirectory } from '../audit/table-directory.ts';
import { loggedTables, type RowsealConfig } from '../config/load.ts';
import { displayName } from '../model/table.ts';
import { loadSigner } from './signer.ts';
import { tableNamed } from './table-choice.ts';
import { timedDisk, timedSigner } from './timed-log.ts';

/** How long the steps take that make a group durable and signed. */
export interface LogTimings {
  fsynced(seconds: number): void;
  signed(seconds: number): void;
}

export interface OpenLogOptions {
  /** What becomes of old segments while it is open; by default nothing does. */
  readonly storage?: StorageOptions;
  readonly timings?: LogTimings;
  /** By default the configured one. */
  readonly signer?: Signer;
}

export function openLog(
  config: RowsealConfig,
  { storage, timings, signer = loadSigner(config) }: OpenLogOptions = {},
): Promise<OpenedAuditLog> {
  const { audit } = config;
  return openAuditLog({
    directory: audit.directory,
    origin: audit.origin,
    signer: timings === undefined ? signer : timedSigner(signer, (seconds) => timings.signed(seconds)),
    ...(timings === undefined
      ? {}
      : { disk: timedDisk(new NodeDisk(), (seconds) => timings.fsynced(seconds)) }),
    segmentMaxBytes: audit.segmentMaxBytes,
    disclosure: disclosureBy(audit.columnDisclosure),
    ...(storage === undefined ? {} : { storage }),
  });
}

function disclosureBy(
  columnar: RowsealConfig['audit']['columnDisclosure'],
): (table: string) => 'row' | 'column' {
  if (columnar === 'all') return () => 'column';
  const directories = new Set([...columnar].map((name) => tableDirectory(tableNamed(name))));
  return (table) => (directories.has(table) ? 'column' : 'row');
}

const DAY_US = 86_400_000_000n;

/** null: row images are kept for good. */
export function imageAgeOf({ audit, source }: RowsealConfig): ImageAge | null {
  const { rowImagesDays, tables } = audit.retention;
  const ages = new Map<string, bigint>();
  for (const table of loggedTables(source)) {
    const days = tables.get(displayName(table)) ?? (tables.has(displayName(table)) ? null : rowImagesDays);
    if (days !== null) ages.set(tableDirectory(table), BigInt(days) * DAY_US);
  }
  if (ages.size === 0) return null;
  const [shortestUs] = [...ages.values()].sort((a, b) => (a < b ? -1 : 1)) as [bigint];
  return { of: (table) => ages.get(table) ?? null, shortestUs };
}
