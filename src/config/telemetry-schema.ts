import { z } from 'zod';

/** What is sent to an OpenTelemetry collector; nothing by default. */
export const telemetrySchema = z
  .strictObject({
    otlp: z
      .strictObject({
        endpoint: z
          .url({ protocol: /^https?$/ })
          .describe('http://collector:4318; /v1/metrics and /v1/traces are added'),
        headers: z.record(z.string(), z.string()).default({}).describe('use ${env:NAME} for secrets'),
        metrics: z.boolean().default(true).describe('what /metrics has'),
        traces: z.boolean().default(true).describe('a trace of every group: commit, seal, each sink'),
        interval_ms: z.int().min(1_000).default(15_000),
      })
      .optional(),
  })
  .prefault({});

export type TelemetrySection = z.infer<typeof telemetrySchema>;
