// Figures for Prometheus, one registry for each server.

import { Counter, Histogram, Registry } from 'prom-client';

export interface Metrics {
  /** One add-checkpoint request answered. */
  observe(status: number, seconds: number): void;
  /** The exposition text and its content type. */
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const requests = new Counter({
    name: 'writ_witness_add_checkpoint_total',
    help: 'add-checkpoint requests by status; 422 deserves a look at the log',
    labelNames: ['status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'writ_witness_add_checkpoint_seconds',
    help: 'time from the head of an add-checkpoint request to its answer',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers: [registry],
  });
  return {
    observe: (status, seconds) => {
      requests.inc({ status });
      duration.observe(seconds);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
