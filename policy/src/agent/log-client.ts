// The log over HTTP. Nothing it answers is believed here: pages and proofs go to the verifier.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { ERROR_CODES, type ErrorCode, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { parseJsonBody } from '@writ/core/json';
import { signRequest } from '@writ/core/statements/signed-request';
import { pagePath } from '@writ/verifier/follow/follow';
import type { WantedPage } from '@writ/verifier/follow/reading';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const PAGE_LIMIT = 500;

/** What a client needs of the world outside. */
export interface LogWorld {
  nowSeconds(): number;
  readonly fetch: typeof fetch;
  /** A signal that fires when `ms` have passed. */
  timeout(ms: number): AbortSignal;
}

/** A signed statement, and its opening where it is sealed. */
export interface Signed {
  readonly bytes: Uint8Array;
  readonly opening: Uint8Array | undefined;
}

/** Who asks for what only members read, of the log of this origin. */
export interface Reader {
  readonly key: SignerKey;
  readonly origin: string;
}

/** Which node, by its own name in a village. */
export interface NodeName {
  readonly village: string;
  readonly node: string;
}

/** What became of one statement of a batch. */
export type Submitted =
  | { readonly index: number; readonly isDuplicate: boolean }
  | { readonly error: LogError };

/** A log at a URL. Methods reject with LogError network-failed, response-malformed, or what the log says. */
export class LogClient {
  /** With a slash at its end. */
  readonly url: string;
  readonly #world: LogWorld;

  /** LogError usage for what is no web address. */
  constructor(url: string, world: LogWorld) {
    if (!/^https?:\/\/\S+$/.test(url))
      throw new LogError('usage', `--log needs a web address, got ${url}`);
    this.url = withSlash(url);
    this.#world = world;
  }

  /** A page of a stream, to follow it; with what only members read where a `reader` signs the request. */
  async page(want: WantedPage, reader?: Reader): Promise<Uint8Array> {
    const path = pagePath(want, PAGE_LIMIT);
    const headers = reader === undefined ? {} : this.#signed('GET', path, reader);
    return this.#ask(path, { headers });
  }

  #signed(method: 'GET' | 'PUT', target: string, { key, origin }: Reader): Record<string, string> {
    const [path = '', query = ''] = `/${target}`.split('?');
    const signer = { publicKey: key.publicKey, sign: key.signRaw.bind(key) };
    return signRequest({ method, path, query, origin }, this.#world.nowSeconds(), signer);
  }

  /** A blob that is for everybody, such as a driver package; its digest is the caller's to check. */
  async blob(digest: string): Promise<Uint8Array> {
    return this.#ask(`blobs/sha256/${digest}`, {});
  }

  /** Puts a blob under its digest, on a request that its author signs. To put it again changes nothing. */
  async putBlob(digest: string, bytes: Uint8Array, author: Reader): Promise<void> {
    const path = `blobs/sha256/${digest}`;
    const headers = {
      ...this.#signed('PUT', path, author),
      'content-type': 'application/octet-stream',
    };
    await this.#ask(path, { method: 'PUT', headers, body: Uint8Array.from(bytes) });
  }

  /** What the log asks a node for, as JSON.parse returned it; undefined: nothing within `waitSeconds`. */
  async nodeRequest(
    { village, node }: NodeName,
    waitSeconds: number,
    reader: Reader,
  ): Promise<unknown> {
    const path = `api/nodes/${village}/${node}/requests?wait=${waitSeconds}`;
    const body = await this.#ask(path, { headers: this.#signed('GET', path, reader) });
    return body.length === 0 ? undefined : parseJsonBody(body);
  }

  /** Answers a request; `digest` is the SHA-256 of `answer` in hexadecimal, and so under the signature. */
  async nodeAnswer(
    { village, node }: NodeName,
    request: string,
    digest: string,
    answer: Uint8Array,
    reader: Reader,
  ): Promise<void> {
    const path = `api/nodes/${village}/${node}/answers/${request}/${digest}`;
    const headers = { ...this.#signed('PUT', path, reader), 'content-type': 'application/json' };
    await this.#ask(path, { method: 'PUT', headers, body: Uint8Array.from(answer) });
  }

  /** A stream proof of the newest statement of a stream. */
  async streamHead(stream: string): Promise<Uint8Array> {
    return this.#ask(`streams/${stream}?from=head&limit=1`, {});
  }

  /** Submits a statement and answers its proof file; undefined when the witnesses take longer than the wait. */
  async submit({ bytes, opening }: Signed, waitSeconds: number): Promise<Uint8Array | undefined> {
    const type = opening === undefined ? 'application/cose' : 'application/cbor-seq';
    const response = await this.#send(`add?wait=${waitSeconds}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: opening === undefined ? Uint8Array.from(bytes) : concatBytes(bytes, opening).slice(),
    });
    const body = await readBody(response);
    if (response.status === 202) return undefined;
    if (!response.ok) throw problemError(response.status, body, response.url);
    return body;
  }

  /** Submits a CBOR sequence of statements, each with its opening behind it where it is sealed. */
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
    const url = `${this.url}${path}`;
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

/** The address of a log as paths are put behind it. */
export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
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
  for (const name of ['refusal', 'rule', 'expectedSeq', 'headId', 'index', 'field']) {
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

/**
 * The origin of the log at `url` by the trust policy. Signed for one of several logs, a request says nothing to the
 * others, so a guess would be worse than none: then undefined.
 */
export function originAt(url: string, { logs }: TrustPolicy): string | undefined {
  const [only, ...others] = logs;
  const found = logs.find((log) => log.url !== undefined && withSlash(log.url) === url);
  return (found ?? (others.length === 0 ? only : undefined))?.key.name;
}
