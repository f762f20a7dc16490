// The answer of Prometheus to an instant query (HTTP API v1, `/api/v1/query`), as far as a metric needs it.

import { LogError } from '@writ/core/errors';

/** One series of the answer. */
export interface Series {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Most series that one query may give. */
export const MAX_SERIES = 500;
/** Largest answer in bytes. */
export const MAX_ANSWER_SIZE: number = 128 * 1024;

/**
 * The series of an instant vector or a scalar. NaN and infinities are left out: they are no samples. LogError
 * response-malformed, or network-failed with the error that Prometheus reports.
 */
export function readPrometheusAnswer(text: string): readonly Series[] {
  const answer = asObject(parse(text), 'the answer');
  if (answer['status'] === 'error') {
    const { error } = answer;
    const reason = typeof error === 'string' ? error.slice(0, 200) : 'an error without words';
    throw new LogError('network-failed', `prometheus: ${JSON.stringify(reason)}`);
  }
  const data = asObject(answer['data'], 'data');
  const { resultType, result } = data;
  if (!Array.isArray(result)) malformed('data.result is no list');
  if (resultType === 'scalar') return sampleOf(result, new Map());
  if (resultType !== 'vector') malformed('the query gives neither a vector nor a scalar');
  if (result.length > MAX_SERIES) malformed(`more than ${MAX_SERIES} series: narrow the query`);
  return result.flatMap((row: unknown) => {
    const { metric, value } = asObject(row, 'a series');
    const labels = new Map<string, string>();
    for (const [name, label] of Object.entries(asObject(metric, 'metric'))) {
      if (typeof label !== 'string') malformed('a label is no text');
      labels.set(name, label);
    }
    return sampleOf(value, labels);
  });
}

function sampleOf(value: unknown, labels: ReadonlyMap<string, string>): Series[] {
  const text: unknown = Array.isArray(value) ? value[1] : undefined;
  if (typeof text !== 'string') malformed('a sample is not [time, "value"]');
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) ? [{ labels, value: number }] : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LogError('response-malformed', 'prometheus: the answer is no JSON', {}, error);
  }
}

function asObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    malformed(`${name} is no object`);
  return Object.fromEntries(Object.entries(value));
}

function malformed(reason: string): never {
  throw new LogError('response-malformed', `prometheus: ${reason}`);
}
