// The log over HTTP. Nothing it answers is believed here: pages and proofs go to the verifier.

import { utf8 } from '@writ/core/bytes';
import { ERROR_CODES, type ErrorCode, LogError } from '@writ/core/errors';
import { parseJsonBody } from '@writ/core/json';
import { pagePath } from '@writ/verifier/follow/follow';
import type { WantedPage } from '@writ/verifier/follow/reading';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const PAGE_LIMIT = 500;

/** The world outside of the process, handed in by main. */
export interface Surroundings {
  nowSeconds(): number;
  random(length: number): Uint8Array;
  readonly fetch: typeof fetch;
  sleep(ms: number): Promise<void>;
  /** A signal that fires when `ms` have passed. */
  timeout(ms: number): AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What became of one statement of a batch. */
export type Submitted =
  | { readonly index: number; readonly isDuplicate: boolean }
  | { readonly error: LogError };

/** A log at a URL. Methods reject with LogError network-failed, response-malformed, or what the log says. */
export class LogClient {
  readonly #base: string;
  readonly #world: Surroundings;

  /** LogError usage for what is no web address. */
  constructor(url: string, world: Surroundings) {
    if (!/^https?:\/\/\S+$/.test(url))
      throw new LogError('usage', `--log needs a web address, got ${url}`);
    this.#base = url.endsWith('/') ? url : `${url}/`;
    this.#world = world;
  }

  /** A page of a stream, to follow it. */
  async page(want: WantedPage): Promise<Uint8Array> {
    return this.#ask(pagePath(want, PAGE_LIMIT), {});
  }

  /** Submits a statement and answers its proof file; undefined when the witnesses take longer than the wait. */
  async submit(statement: Uint8Array, waitSeconds: number): Promise<Uint8Array | undefined> {
    const response = await this.#send(`add?wait=${waitSeconds}`, {
      method: 'POST',
      headers: { 'content-type': 'application/cose' },
      body: Uint8Array.from(statement),
    });
    const body = await readBody(response);
    if (response.status === 202) return undefined;
    if (!response.ok) throw problemError(response.status, body, response.url);
    return body;
  }

  /** Submits a CBOR sequence of statements. */
  async submitBatch(sequence: Uint8Array): Promise<Submitted[]> {
    const body = await this.#ask('add-batch', {
      method: 'POST',
      headers: { 'content-type': 'application/cbor-seq' },
      body: Uint8Array.from(sequence),
    });
    const answer = parseJsonBody(body);
    const results =
      typeof answer === 'object' && answer !== null && 'results' in answer ? answer.results : null;
    if (!Array.isArray(results)) throw unexpected('the answer to a batch has no results');
    return results.map(readResult);
  }

  async #ask(path: string, init: RequestInit): Promise<Uint8Array> {
    const response = await this.#send(path, init);
    const body = await readBody(response);
    if (response.ok) return body;
    throw problemError(response.status, body, response.url);
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const url = `${this.#base}${path}`;
    const { fetch, timeout } = this.#world;
    try {
      return await fetch(url, { ...init, redirect: 'error', signal: timeout(TIMEOUT_MS * 2) });
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LogError('network-failed', `cannot reach ${url}: ${reason}`, { url }, error);
    }
  }
}

async function readBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) throw unexpected(`more than ${MAX_ANSWER_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof LogError) throw error;
    throw new LogError('network-failed', `${response.url} broke off`, {}, error);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The error that a problem document (RFC 9457) stands for. */
function problemError(status: number, body: Uint8Array, url: string): LogError {
  const problem = fieldsOf(tryJson(body));
  const code = String(problem.get('type') ?? '').replace('urn:writ:error:', '');
  const detail = String(problem.get('detail') ?? `${url} answers with status ${status}`);
  const facts: Record<string, string | number> = { status };
  for (const name of ['refusal', 'rule', 'expectedSeq', 'index', 'field']) {
    const value = problem.get(name);
    if (typeof value === 'string' || typeof value === 'number') facts[name] = value;
  }
  if (isErrorCode(code)) return new LogError(code, detail, facts);
  return new LogError(status >= 500 ? 'network-failed' : 'response-malformed', detail, facts);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function tryJson(body: Uint8Array): unknown {
  try {
    return parseJsonBody(body);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

function readResult(result: unknown): Submitted {
  const fields = fieldsOf(result);
  const index = fields.get('index');
  if (typeof index === 'number') return { index, isDuplicate: fields.get('duplicate') === true };
  const problem = fields.get('error');
  if (problem === undefined) throw unexpected('a result is neither an index nor an error');
  return { error: problemError(400, utf8(JSON.stringify(problem)), 'the log') };
}

function unexpected(what: string): LogError {
  return new LogError('response-malformed', what);
}
