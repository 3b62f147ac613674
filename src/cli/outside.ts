import { parseWitnessKey } from '../audit/cosignature.ts';
import { NodeDisk } from '../audit/node-disk.ts';
import type { VerifierKey } from '../audit/note.ts';
import type { AnchorConfig } from '../config/audit.ts';
import type { RowsealConfig } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Logger } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { Anchor } from '../witness/anchor.ts';
import { Anchoring, type AnchorState } from '../witness/anchoring.ts';
import { WitnessClient } from '../witness/client.ts';
import { type QuorumState, Submitter } from '../witness/submitter.ts';

/** What a running pipeline tells the world about its log: witnesses and anchors. */
export interface Outside {
  /** null: no witnesses are configured. */
  witnesses(): QuorumState | null;
  anchors(): readonly AnchorState[];
  /** Lets the rounds in hand end. */
  stop(): Promise<void>;
}

/** @throws RowsealError RS-CFG-003 for a witness whose key cannot be read */
export async function startOutside(
  config: RowsealConfig,
  logger: Logger,
  metrics: Metrics,
): Promise<Outside> {
  const { directory, witness, anchor } = config.audit;
  const disk = new NodeDisk();
  const stop = new AbortController();
  const told = new Set<string>();
  const failed = (what: string, error: RowsealError): void => {
    // What repeats every few seconds is told once, until it is well again.
    if (told.has(`${what} ${error.code}`)) return;
    told.add(`${what} ${error.code}`);
    logger.log(error.kind === 'integrity' ? 'error' : 'warn', {
      message: error.message,
      code: error.code,
      state: 'sealing and delivery go on',
      fix: error.fix,
    });
  };
  const well = (what: string): void => {
    for (const entry of told) if (entry.startsWith(`${what} `)) told.delete(entry);
  };
  const submitter =
    witness.witnesses.length === 0
      ? null
      : new Submitter({
          disk,
          directory,
          witnesses: witnessKeys(config).map(
            (key, i) => new WitnessClient(witness.witnesses[i]!.url, key, witness.timeoutMs),
          ),
          quorum: witness.quorum,
          intervalMs: witness.intervalMs,
          lateMs: witness.lateMs,
          observer: {
            cosigned: (name, _groups, timeS) => {
              well(`witness ${name}`);
              metrics.cosigned(name, timeS);
            },
            failed: (name, error) => {
              metrics.witnessFailed(name, error.code);
              failed(`witness ${name}`, error);
            },
          },
        });
  const anchoring = new Anchoring({
    disk,
    directory,
    anchors: await Promise.all(anchor.anchors.map(anchorOf)),
    intervalMs: anchor.intervalMs,
    timeoutMs: anchor.timeoutMs,
    observer: {
      kept: (name) => {
        well(`anchor ${name}`);
        metrics.anchored(name, Date.now());
      },
      failed: (name, error) => {
        metrics.anchorFailed(name, error.code);
        failed(`anchor ${name}`, error);
      },
    },
  });
  const running = Promise.all([submitter?.run(stop.signal), anchoring.run(stop.signal)]);
  return {
    witnesses: () => submitter?.state() ?? null,
    anchors: () => anchoring.state(),
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** Keys of the configured witnesses. @throws RowsealError RS-CFG-003 for one that cannot be read, or is there twice */
export function witnessKeys({ audit }: Pick<RowsealConfig, 'audit'>): readonly VerifierKey[] {
  const seen = new Set<string>();
  return audit.witness.witnesses.map(({ vkey }, i) => {
    const wrong = (detail: string): RowsealError =>
      new RowsealError('RS-CFG-003', {
        detail,
        place: { file: 'configuration', path: `audit.witnesses.${i}.vkey` },
      });
    const key = parseWitnessKey(vkey);
    if (key === null) throw wrong('must be a key for cosignatures: name+id+base64, type 0x04');
    // One key under two names would be counted twice.
    for (const taken of [key.name, key.publicKey.join()]) {
      if (seen.has(taken)) throw wrong('is there twice');
      seen.add(taken);
    }
    return key;
  });
}

async function anchorOf(config: AnchorConfig): Promise<Anchor> {
  switch (config.type) {
    case 'directory': {
      const { DirectoryAnchor } = await import('../../connectors/anchors/directory-anchor.ts');
      return new DirectoryAnchor(config.name, config.directory);
    }
    case 'http': {
      const { HttpAnchor } = await import('../../connectors/anchors/http-anchor.ts');
      return new HttpAnchor(config.name, config.url, config.token);
    }
    case 's3': {
      const { S3Anchor } = await import('../../connectors/anchors/s3-anchor.ts');
      return new S3Anchor(config.name, config);
    }
  }
}
