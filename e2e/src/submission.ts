// What an author needs of a log over HTTP: where a stream stands, submitting, fetching proofs.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatHex, parseHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { HASH_SIZE } from '@writ/core/sha256';
import { decodePayload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import type { Position } from './policies.ts';

const POLL_MS = 100;

/** What the log answers to a batch, for each statement in order. */
export interface BatchResult {
  readonly index: number;
  readonly isDuplicate: boolean;
}

/** A log, seen by an author. All methods reject with LogError network-failed for an answer that is a refusal. */
export class LogClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Where the next statement of `stream` has to stand. */
  async nextPosition(stream: string): Promise<Position> {
    const response = await fetch(`${this.#url}/streams/${stream}/head`);
    if (response.status === 404) {
      await response.arrayBuffer();
      return { stream, seq: 0, previous: null };
    }
    const head: { seq?: unknown; id?: unknown } = await readJson(response);
    const id = parseHex(typeof head.id === 'string' ? head.id : '');
    if (typeof head.seq !== 'number' || id?.length !== HASH_SIZE)
      throw failed('the head of the stream has no seq and id');
    return { stream, seq: head.seq + 1, previous: id };
  }

  /** The newest version number before `position` of each policy in `wanted` that the stream has. */
  async newestVersions(
    { previous }: Position,
    wanted: ReadonlySet<string>,
  ): Promise<Map<string, number>> {
    const versions = new Map<string, number>();
    for (let id = previous; id !== null && versions.size < wanted.size; ) {
      const statement = await this.#readStatement(id);
      const payload = decodePayload(statement);
      if (payload.kind === 'policy-change' && wanted.has(payload.policy))
        versions.set(payload.policy, Math.max(payload.version, versions.get(payload.policy) ?? 0));
      id = statement.previous;
    }
    return versions;
  }

  async #readStatement(id: Uint8Array): Promise<Statement> {
    const found: { index?: unknown } = await readJson(
      await fetch(`${this.#url}/leaf/${formatHex(id)}`),
    );
    return decodeStatement(
      await readBytes(await fetch(`${this.#url}/entries/${String(found.index)}`)),
    );
  }

  /** Submits a statement; answers its proof file, once a checkpoint with its quorum covers it. */
  async submit(statement: Uint8Array, waitSeconds: number): Promise<Uint8Array> {
    const response = await this.#post(`/add?wait=${waitSeconds}`, 'application/cose', statement);
    if (response.status === 202)
      throw failed('the entry is safe in the log, but the witnesses have not cosigned it yet');
    return readBytes(response);
  }

  /** Submits statements, in the order of their streams, as one CBOR sequence. */
  async submitBatch(sequence: Uint8Array): Promise<BatchResult[]> {
    const response = await this.#post('/add-batch', 'application/cbor-seq', sequence);
    const answer: { results?: unknown } = await readJson(response);
    if (!Array.isArray(answer.results)) throw failed('the answer to a batch has no results');
    return answer.results.map(readResult);
  }

  /** The status and code that the log answers to a submission that it should refuse. */
  async refusalOf(statement: Uint8Array): Promise<{ status: number; code: string }> {
    const response = await this.#post('/add', 'application/cose', statement);
    const problem: { type?: unknown } = JSON.parse(await response.text());
    const code = String(problem.type).split(':').at(-1) ?? '';
    return { status: response.status, code };
  }

  /** The proof file of an entry against the newest checkpoint; undefined while none covers it. */
  async readProof(index: number): Promise<Uint8Array | undefined> {
    const response = await fetch(`${this.#url}/entries/${index}/proof`);
    if (response.status !== 404) return readBytes(response);
    await response.arrayBuffer();
    return undefined;
  }

  /** As `readProof`, waiting for the witnesses. LogError not-published after `timeoutMs`. */
  async waitForProof(index: number, timeoutMs: number): Promise<Uint8Array> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const proof = await this.readProof(index);
      if (proof !== undefined) return proof;
      if (performance.now() > deadline)
        throw new LogError('not-published', `entry ${index} is safe, but not witnessed in time`);
      await sleep(POLL_MS);
    }
  }

  #post(path: string, type: string, body: Uint8Array): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: Uint8Array.from(body),
    });
  }
}

function readResult(result: unknown): BatchResult {
  if (typeof result === 'object' && result !== null && 'index' in result) {
    const isDuplicate = 'duplicate' in result && result.duplicate === true;
    if (typeof result.index === 'number') return { index: result.index, isDuplicate };
  }
  throw failed(`the log refused a statement of the batch: ${JSON.stringify(result)}`);
}

async function readBytes(response: Response): Promise<Uint8Array> {
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw failed(`${response.url} answers ${response.status}: ${await refusalText(response)}`);
}

async function readJson<T extends object>(response: Response): Promise<T> {
  if (response.ok) return JSON.parse(await response.text());
  throw failed(`${response.url} answers ${response.status}: ${await refusalText(response)}`);
}

async function refusalText(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { detail }: { detail?: unknown } = JSON.parse(text);
    return typeof detail === 'string' ? detail : text;
  } catch {
    return text;
  }
}

function failed(message: string): LogError {
  return new LogError('network-failed', message);
}
