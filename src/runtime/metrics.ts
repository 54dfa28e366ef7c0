/** Prometheus metrics by name. Each is described here once. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricName, Metrics } from '../domain/runtime.ts';

type Kind = 'counter' | 'gauge' | 'histogram';

const known: Readonly<
  Record<MetricName, { readonly kind: Kind; readonly help: string; readonly labels: readonly string[] }>
> = {
  parley_messages_total: {
    kind: 'counter',
    help: 'Inbound messages by what they were taken for.',
    labels: ['channel', 'kind'],
  },
  parley_inbound_dropped_total: {
    kind: 'counter',
    help: 'Events of platforms that were malformed or unsigned, and dropped.',
    labels: ['channel', 'reason'],
  },
  parley_inbound_repeated_total: {
    kind: 'counter',
    help: 'Platform events that came again and were dropped.',
    labels: ['channel'],
  },
  parley_inbound_failed_total: {
    kind: 'counter',
    help: 'Platform events that could not be stored; the platform sends them again.',
    labels: ['channel'],
  },
  parley_reconnects_total: {
    kind: 'counter',
    help: 'Connections to a platform made anew.',
    labels: ['channel'],
  },
  parley_http_requests_total: {
    kind: 'counter',
    help: 'HTTP requests by method and status.',
    labels: ['method', 'status'],
  },
  parley_accepted_total: {
    kind: 'counter',
    help: 'Messages offered to the queue, by outcome.',
    labels: ['outcome'],
  },
  parley_refused_total: { kind: 'counter', help: 'Senders without any role.', labels: ['kind'] },
  parley_commands_total: { kind: 'counter', help: 'Chat commands.', labels: ['command'] },
  parley_clicks_refused_total: {
    kind: 'counter',
    help: 'Button clicks that meant nothing.',
    labels: ['reason'],
  },
  parley_turns_total: { kind: 'counter', help: 'Ended turns by outcome.', labels: ['outcome'] },
  parley_turns_active: { kind: 'gauge', help: 'Turns in hand in this process.', labels: [] },
  parley_model_call_seconds: {
    kind: 'histogram',
    help: 'Duration of successful model calls.',
    labels: ['role'],
  },
  parley_model_failures_total: {
    kind: 'counter',
    help: 'Failed attempts at a model.',
    labels: ['role', 'code'],
  },
  parley_model_fallbacks_total: {
    kind: 'counter',
    help: 'Calls that went on to a fallback model.',
    labels: ['role'],
  },
  parley_approvals_total: { kind: 'counter', help: 'Decided approvals.', labels: ['decision'] },
  parley_approvals_refused_total: {
    kind: 'counter',
    help: 'Decisions by people who may not decide.',
    labels: [],
  },
  parley_deliveries_total: { kind: 'counter', help: 'Outgoing messages by outcome.', labels: ['outcome'] },
  parley_jobs_total: {
    kind: 'counter',
    help: 'Work after turns by kind and outcome.',
    labels: ['kind', 'outcome'],
  },
  parley_config_reloads_total: {
    kind: 'counter',
    help: 'Configuration reloads by outcome.',
    labels: ['outcome'],
  },
  parley_store_commits_total: { kind: 'gauge', help: 'Database commits of this process.', labels: [] },
  parley_store_writes_total: { kind: 'gauge', help: 'Writes those commits carried.', labels: [] },
  parley_log_dropped_total: {
    kind: 'gauge',
    help: 'Log lines that nobody took.',
    labels: [],
  },
  parley_ready_seconds: { kind: 'gauge', help: 'From process start to ready.', labels: [] },
};

export type MetricsRegistry = Metrics & {
  /** In the text format of Prometheus. */
  text(): Promise<string>;
};

export function createMetrics(): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { kind, help, labels }] of Object.entries(known)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') counters.set(name, new Counter(options));
    else if (kind === 'gauge') gauges.set(name, new Gauge(options));
    else
      histograms.set(
        name,
        new Histogram({ ...options, buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] }),
      );
  }
  return {
    count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    gauge: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, seconds, labels = {}) => histograms.get(name)?.observe(labels, seconds),
    text: () => registry.metrics(),
  };
}
