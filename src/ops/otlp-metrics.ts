import type { Attributes } from '@opentelemetry/api';
import type {
  AggregationTemporality,
  DataPoint,
  DataPointType,
  Histogram,
  MetricData,
} from '@opentelemetry/sdk-metrics';

/** A family of series as the Prometheus registry gives it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number | undefined>>;
    /** Of histograms: with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string;
  }[];
}

/** The SDK's constants, handed in because the packages are loaded only when they are used. */
export interface OtlpConstants {
  readonly cumulative: AggregationTemporality.CUMULATIVE;
  readonly sum: DataPointType.SUM;
  readonly gauge: DataPointType.GAUGE;
  readonly histogram: DataPointType.HISTOGRAM;
  /** `ValueType.DOUBLE` */
  readonly double: MetricData['descriptor']['valueType'];
}

type Times = Pick<DataPoint<number>, 'startTime' | 'endTime'>;

/** The same series under the same names in OpenTelemetry's data model; summaries, which it has no more, are left out. */
export function otlpMetrics(families: readonly Family[], times: Times, known: OtlpConstants): MetricData[] {
  return families.flatMap((family): MetricData[] => {
    const shared = {
      descriptor: { name: family.name, description: family.help, unit: '', valueType: known.double },
      aggregationTemporality: known.cumulative,
    };
    switch (family.type) {
      case 'counter':
        return [
          { ...shared, dataPointType: known.sum, isMonotonic: true, dataPoints: points(family, times) },
        ];
      case 'gauge':
        return [{ ...shared, dataPointType: known.gauge, dataPoints: points(family, times) }];
      case 'histogram':
        return [{ ...shared, dataPointType: known.histogram, dataPoints: histograms(family, times) }];
      default:
        return [];
    }
  });
}

function points(family: Family, times: Times): DataPoint<number>[] {
  return family.values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, labels }) => ({ ...times, attributes: attributesOf(labels), value }));
}

/** Prometheus counts what is at most a bound; OpenTelemetry what lies between two. */
function histograms(family: Family, times: Times): DataPoint<Histogram>[] {
  const series = new Map<
    string,
    { attributes: Attributes; upTo: [number, number][]; sum: number; count: number }
  >();
  for (const { value, labels, metricName } of family.values) {
    const { le, ...rest } = labels;
    const attributes = attributesOf(rest);
    const key = JSON.stringify(attributes);
    const one = series.get(key) ?? { attributes, upTo: [], sum: 0, count: 0 };
    series.set(key, one);
    if (metricName === `${family.name}_sum`) one.sum = value;
    else if (metricName === `${family.name}_count`) one.count = value;
    else if (le !== undefined && Number.isFinite(Number(le))) one.upTo.push([Number(le), value]);
  }
  return [...series.values()].map(({ attributes, upTo, sum, count }) => {
    const bounds = upTo.sort(([a], [b]) => a - b);
    const counts = bounds.map(([, total], i) => total - (bounds[i - 1]?.[1] ?? 0));
    return {
      ...times,
      attributes,
      value: {
        buckets: {
          boundaries: bounds.map(([bound]) => bound),
          counts: [...counts, count - (bounds.at(-1)?.[1] ?? 0)],
        },
        sum,
        count,
      },
    };
  });
}

function attributesOf(labels: Family['values'][number]['labels']): Attributes {
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}
