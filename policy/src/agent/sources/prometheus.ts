// Asks Prometheus for metrics at an interval. Each query is one metric of the policies; a label of the series may name
// the host that it is about.

import { isLogError, LogError } from '@writ/core/errors';
import { MAX_ANSWER_SIZE, readPrometheusAnswer, type Series } from './prometheus-answer.ts';
import type { Source, SourceEnv, SourceSink, SourceStatus } from './source.ts';

export interface PrometheusQuery {
  /** The name that policies use. */
  readonly metric: string;
  readonly query: string;
  /** The label whose value is the subject's id; null: `subject` is. */
  readonly label: string | null;
  readonly subject: { readonly kind: 'host' | 'vm' | 'integration'; readonly id: string };
}

export interface PrometheusOptions {
  /** Such as http://127.0.0.1:9090. */
  readonly url: string;
  readonly queries: readonly PrometheusQuery[];
  readonly pollMs: number;
  readonly fetch: typeof fetch;
}

const TIMEOUT_MS = 5000;
/** Longest id of a subject; an event has no room for more. */
const MAX_ID_LENGTH = 200;

export class PrometheusSource implements Source {
  readonly name: string;
  readonly #env: SourceEnv;
  readonly #sink: SourceSink;
  readonly #options: PrometheusOptions;
  readonly #abort = new AbortController();
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #lastMs: number | null = null;
  #reason: string | null = 'not asked yet';
  /** Query → ids of the subjects of its last answer. */
  readonly #known = new Map<PrometheusQuery, ReadonlySet<string>>();

  constructor(env: SourceEnv, sink: SourceSink, options: PrometheusOptions) {
    this.#env = env;
    this.#sink = sink;
    this.#options = options;
    this.name = `prometheus ${new URL(options.url).host}`;
  }

  start(): void {
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancel();
    await this.#running;
  }

  status(): SourceStatus {
    return { isUp: this.#reason === null, lastMs: this.#lastMs, reason: this.#reason };
  }

  #schedule(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#cancel = this.#env.later(delayMs, () => {
      this.#running = this.#turn();
    });
  }

  async #turn(): Promise<void> {
    let reason: string | null = null;
    for (const query of this.#options.queries) {
      try {
        this.#tell(query, await this.#ask(query));
        this.#lastMs = this.#env.now();
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        // A source that is being stopped gave up itself; that says nothing of the metrics.
        if (this.#abort.signal.aborted) return;
        reason = error.message;
        this.#lose(query, new Set(), reason);
      }
      if (this.#abort.signal.aborted) return;
    }
    this.#reason = reason;
    this.#schedule(this.#options.pollMs);
  }

  #tell(query: PrometheusQuery, series: readonly Series[]): void {
    const { metric, label, subject } = query;
    const seen = new Map<string, number>();
    for (const { labels, value } of series) {
      const id = label === null ? subject.id : labels.get(label);
      if (id !== undefined && id !== '' && id.length <= MAX_ID_LENGTH) seen.set(id, value);
    }
    this.#lose(query, new Set(seen.keys()), 'the query gives no sample of it any more');
    for (const [id, value] of seen)
      this.#sink.observed({
        subject: { kind: subject.kind, id },
        samples: new Map([[metric, value]]),
      });
  }

  /** Tells which subjects of the last answer are not in this one. */
  #lose(query: PrometheusQuery, seen: ReadonlySet<string>, reason: string): void {
    const { kind } = query.subject;
    for (const id of this.#known.get(query) ?? [])
      if (!seen.has(id)) this.#sink.lost({ kind, id }, reason);
    this.#known.set(query, seen);
  }

  async #ask({ query }: PrometheusQuery): Promise<readonly Series[]> {
    const url = new URL('/api/v1/query', this.#options.url);
    url.searchParams.set('query', query);
    try {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = await this.#options.fetch(url, { signal, redirect: 'error' });
      return readPrometheusAnswer(await textOf(answer));
    } catch (error) {
      if (isLogError(error, 'network-failed') || isLogError(error, 'response-malformed'))
        throw error;
      throw new LogError('network-failed', `${this.name} does not answer`, {}, error);
    }
  }
}

async function textOf(answer: Response): Promise<string> {
  let size = 0;
  let text = '';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_SIZE)
      throw new LogError('response-malformed', `an answer over ${MAX_ANSWER_SIZE} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
