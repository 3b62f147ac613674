import { GroupIds, GroupTraces } from './group-traces.ts';
import { type Family, otlpMetrics } from './otlp-metrics.ts';

export interface OtlpOptions {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metrics: boolean;
  readonly traces: boolean;
  readonly intervalMs: number;
  readonly pipeline: string;
  /** Name of the audit log. */
  readonly origin: string;
  readonly version: string;
  /** Series of this moment; null: there is no pipeline yet. */
  readonly families: () => Promise<readonly Family[] | null>;
  /** Something could not be exported. What the other side said may be anything, so it is not passed on. */
  readonly failed: () => void;
}

export interface Otlp {
  readonly traces: GroupTraces | null;
  /** Sends what waits, for at most a few seconds. */
  close(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 10_000;
const CLOSE_MS = 3_000;

/** Sends metrics and traces to an OpenTelemetry collector over OTLP/HTTP. Its packages are loaded here and nowhere else. */
export async function startOtlp(options: OtlpOptions): Promise<Otlp> {
  const api = await import('@opentelemetry/api');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const { failed } = options;
  api.diag.setLogger(
    { error: failed, warn: failed, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const resource = resourceFromAttributes({
    'service.name': 'rowseal',
    'service.version': options.version,
    'service.instance.id': options.pipeline,
    'rowseal.pipeline': options.pipeline,
  });
  const target = (kind: 'metrics' | 'traces') => ({
    url: `${options.endpoint.replace(/\/$/, '')}/v1/${kind}`,
    headers: options.headers,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const closing: (() => Promise<void>)[] = [];

  if (options.metrics) {
    const sdk = await import('@opentelemetry/sdk-metrics');
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-http');
    const startTime = hrTime(Date.now());
    const provider = new sdk.MeterProvider({
      resource,
      readers: [
        new sdk.PeriodicExportingMetricReader({
          exporter: new OTLPMetricExporter(target('metrics')),
          exportIntervalMillis: options.intervalMs,
          exportTimeoutMillis: Math.min(EXPORT_TIMEOUT_MS, options.intervalMs),
          metricProducers: [
            {
              collect: async () => ({
                resourceMetrics: {
                  resource,
                  scopeMetrics: [
                    {
                      scope: { name: 'rowseal', version: options.version },
                      metrics: otlpMetrics(
                        (await options.families()) ?? [],
                        { startTime, endTime: hrTime(Date.now()) },
                        {
                          cumulative: sdk.AggregationTemporality.CUMULATIVE,
                          sum: sdk.DataPointType.SUM,
                          gauge: sdk.DataPointType.GAUGE,
                          histogram: sdk.DataPointType.HISTOGRAM,
                          double: api.ValueType.DOUBLE,
                        },
                      ),
                    },
                  ],
                },
                errors: [],
              }),
            },
          ],
        }),
      ],
    });
    closing.push(() => provider.shutdown());
  }

  let traces: GroupTraces | null = null;
  if (options.traces) {
    const sdk = await import('@opentelemetry/sdk-trace');
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    const ids = new GroupIds(options.origin, new sdk.RandomIdGenerator());
    const provider = new sdk.TracerProvider({
      resource,
      idGenerator: ids,
      spanProcessors: [
        new sdk.BatchSpanProcessor({
          exporter: new OTLPTraceExporter(target('traces')),
          scheduledDelayMillis: Math.min(5_000, options.intervalMs),
        }),
      ],
    });
    traces = new GroupTraces(provider.getTracer('rowseal', options.version), ids, (parent) =>
      api.trace.setSpanContext(api.ROOT_CONTEXT, parent),
    );
    closing.push(() => provider.shutdown());
  }

  return {
    traces,
    close: async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([Promise.allSettled(closing.map((close) => close())), late]);
      api.diag.disable();
    },
  };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
