// Answers of Prometheus, and what a source makes of them.

import { isLogError } from '@writ/core/errors';
import { PrometheusSource } from '@writ/policy/agent/sources/prometheus';
import {
  MAX_ANSWER_SIZE,
  MAX_SERIES,
  readPrometheusAnswer,
} from '@writ/policy/agent/sources/prometheus-answer';
import type { SourceEnv } from '@writ/policy/agent/sources/source';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastestMs } from './fastest.ts';

const test = suite('Prometheus');

const vector = (...rows: readonly unknown[]): string =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result: rows } });
const row = (metric: object, value: unknown): object => ({ metric, value: [0, value] });

function codeOf(text: string): string {
  try {
    readPrometheusAnswer(text);
  } catch (error) {
    if (isLogError(error)) return error.code;
    throw error;
  }
  return '';
}

test('series are read with their labels; what is no number is no sample', () => {
  const text = vector(row({ host: 'a' }, '1.5'), row({ host: 'b' }, 'NaN'), row({}, '+Inf'));
  assert.equal(readPrometheusAnswer(text), [{ labels: new Map([['host', 'a']]), value: 1.5 }]);
  const scalar = { status: 'success', data: { resultType: 'scalar', result: [0, '7'] } };
  assert.equal(readPrometheusAnswer(JSON.stringify(scalar)), [{ labels: new Map(), value: 7 }]);
});

test('answers of another shape are refused, whatever they are', () => {
  const wrong = [
    '',
    '[',
    'null',
    '{}',
    '{"data":{}}',
    vector(1),
    vector({ metric: null, value: [0, '1'] }),
    vector(row({ host: { toString: 1 } }, '1')),
    vector(row({}, 1)),
    vector(...Array.from({ length: MAX_SERIES + 1 }, () => row({}, '1'))),
    '{"status":"success","data":{"resultType":"matrix","result":[]}}',
  ];
  for (const text of wrong) assert.is(codeOf(text), 'response-malformed', text.slice(0, 60));
  for (const error of ['"no"', '{"toString":1,"valueOf":1}', 'null'])
    assert.is(codeOf(`{"status":"error","error":${error}}`), 'network-failed', error);
  fc.assert(fc.property(fc.json(), (text) => codeOf(text).length >= 0));
});

test('an answer of the largest size takes less than 10 ms', () => {
  const wide = (labels: number): string =>
    vector(
      ...Array.from({ length: MAX_SERIES }, (_, i) =>
        row(Object.fromEntries(Array.from({ length: labels }, (_, j) => [`l${j}`, `${i}`])), '1'),
      ),
    );
  for (const text of [wide(14), '['.repeat(MAX_ANSWER_SIZE), vector(...Array(30_000).fill(1))]) {
    assert.ok(text.length <= MAX_ANSWER_SIZE);
    const ms = fastestMs(() => codeOf(text));
    assert.ok(ms < 10, `it took ${ms} ms`);
  }
});

function worldOf(answers: readonly (string | Error)[]): {
  source: PrometheusSource;
  told: string[];
  next: () => Promise<void>;
} {
  const timers: (() => void)[] = [];
  const told: string[] = [];
  const env: SourceEnv = {
    now: () => 0,
    monotonic: () => 0,
    random: () => 0,
    later: (_ms, run) => {
      timers.push(run);
      return () => {};
    },
  };
  const left = [...answers];
  const source = new PrometheusSource(
    env,
    {
      observed: ({ subject, samples }) => told.push(`${subject.id}=${samples?.get('load')}`),
      lost: ({ id }) => told.push(`${id} lost`),
    },
    {
      url: 'http://prometheus.example',
      queries: [
        { metric: 'load', query: 'q', label: 'host', subject: { kind: 'host', id: 'unused' } },
      ],
      pollMs: 1000,
      fetch: async (_url, init) => {
        const answer = left.shift();
        if (typeof answer === 'string') return new Response(answer);
        if (answer !== undefined) throw answer;
        return new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
      },
    },
  );
  const next = async (): Promise<void> => {
    timers.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  source.start();
  return { source, told, next };
}

test('a series that is gone, and all of them when the server is, are lost: what nobody sees does not hold', async () => {
  const both = vector(row({ host: 'a' }, '1'), row({ host: 'b' }, '2'));
  const { source, told, next } = worldOf([
    both,
    vector(row({ host: 'a' }, '3')),
    new Error('down'),
  ]);
  await next();
  await next();
  await next();
  assert.equal(told, ['a=1', 'b=2', 'b lost', 'a=3', 'a lost']);
  assert.is(source.status().isUp, false);
  await source.stop();
});

test('an id that no subject can have is left out', async () => {
  const { source, told, next } = worldOf([
    vector(row({ host: '' }, '1'), row({ host: 'x'.repeat(201) }, '1'), row({}, '1')),
  ]);
  await next();
  assert.equal(told, []);
  await source.stop();
});

test('stopping in the middle of a query says nothing of the metrics', async () => {
  const { source, told, next } = worldOf([vector(row({ host: 'a' }, '1'))]);
  await next();
  await next();
  await source.stop();
  assert.equal(told, ['a=1']);
});

test.run();
