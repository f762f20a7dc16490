// What the log asks a node for (spec/policy-api.md section 7): dry runs and lists of targets, over the node's own
// connection. Neither changes anything, and the log is believed about neither: see remote-subject.ts.

import { parseHex } from '@writ/core/bytes';
import { bug, isLogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { NodePayload } from '@writ/core/statements/kinds';
import {
  type DryRunRequest,
  FAILURE_FORMAT,
  formatNodeAnswer,
  INVENTORY_FORMAT,
  type InventoryAnswer,
  type InventoryRequest,
  MAX_ANSWER_ITEMS,
  type NodeAnswer,
  type NodeRequest,
  nodeAnswerId,
  type Transcript,
} from '../engine/transcript.ts';
import { readNodeAnswer, readNodeRequest } from '../engine/transcript-schema.ts';
import type { Inventories } from './inventory.ts';
import { originAt, type Reader } from './log-client.ts';
import type { NodeEnv, NodeSettings } from './node.ts';
import type { NodeLog } from './node-log.ts';
import type { Appended } from './outbox.ts';
import type { InForce } from './put-in-force.ts';
import { dryRun, type TryingPort } from './remote-dry-run.ts';
import { type Declined, dryRunSubject } from './remote-subject.ts';
import { Repeat } from './repeat.ts';

export interface RemoteParts {
  readonly env: NodeEnv;
  readonly settings: NodeSettings;
  readonly log: NodeLog;
  readonly drivers: TryingPort;
  readonly inventories: Inventories;
  readonly inForce: () => InForce;
  readonly specOf: (digest: string) => Promise<Uint8Array | undefined>;
  /** Writes a record; durable when it resolves. */
  readonly record: (payload: NodePayload) => Promise<Appended>;
}

/** Seconds for which the log may keep a poll open. */
const POLL_SECONDS = 25;
/** Between two requests, so that a log cannot keep drivers busy all the time. */
const PAUSE_MS = 1000;
const AWAY_MS = 10_000;
/** The log has no such route, or does not know the stream yet. */
const UNKNOWN_MS = 5000;
/** Longest time for one request, whatever deadline it has. */
const MAX_WORK_MS = 120_000;
/** What the way back to the log takes. */
const ANSWER_MS = 500;
/** Room for targets in an answer, in bytes of their JSON. */
const MAX_ITEM_BYTES = 3_500_000;

export class RemoteRequests {
  readonly #parts: RemoteParts;
  readonly #polling: Repeat;
  readonly #ending = new AbortController();
  #answered = 0;
  #said = '';

  constructor(parts: RemoteParts) {
    this.#parts = parts;
    this.#polling = new Repeat(parts.env, () => this.#poll());
  }

  /** Requests that were answered since the start. */
  get answered(): number {
    return this.#answered;
  }

  /** Begins to ask, unless the configuration says no or nobody can say which log is at the address. */
  start(): void {
    if (!this.#parts.settings.config.remote_requests) return;
    if (this.#reader === undefined)
      this.#parts.env.say('remote requests refused', {
        reason: 'the trust policy does not say which of its logs is at the address',
      });
    else this.#polling.start();
  }

  /** Waits for no driver: whoever stops the node ends them. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#polling.stop();
  }

  get #reader(): Reader | undefined {
    const { log, settings } = this.#parts;
    const key: SignerKey = settings.key;
    const origin = originAt(log.client.url, settings.policy);
    return origin === undefined ? undefined : { key, origin };
  }

  async #poll(): Promise<number> {
    const reader = this.#reader;
    if (reader === undefined) return AWAY_MS;
    const { log, settings } = this.#parts;
    const { village, node } = settings.config;
    try {
      const asked = await log.client.nodeRequest({ village, node }, POLL_SECONDS, reader);
      this.#said = '';
      if (asked !== undefined) await this.#serve(readNodeRequest(asked), reader);
      return PAUSE_MS;
    } catch (error) {
      if (!isLogError(error)) throw error;
      const { code, message } = error;
      // Each reason once: the log may be away for long. A new node has no stream before its first record is there.
      if (code !== this.#said && code !== 'not-found' && !this.#ending.signal.aborted)
        this.#parts.env.say('remote request failed', { code, message });
      this.#said = code;
      return code === 'not-found' ? UNKNOWN_MS : AWAY_MS;
    }
  }

  async #serve(request: NodeRequest, reader: Reader): Promise<void> {
    const { env, log, settings } = this.#parts;
    const { village, node } = settings.config;
    const over = new AbortController();
    const waitMs = Math.min(request.deadline_ms - env.now() - ANSWER_MS, MAX_WORK_MS);
    const signal = AbortSignal.any([over.signal, this.#ending.signal]);
    const late = env.sleep(Math.max(0, waitMs), signal).then(() => {
      over.abort();
      return this.#failure(request, { code: 'failed', reason: 'it was not done within its time' });
    });
    const done = this.#answer(request, over.signal);
    const answer = await Promise.race([done, late]);
    over.abort();
    // Late: what it met since is of no concern, but a fault of ours is.
    done.catch((error: unknown) => {
      if (!isLogError(error) && !this.#ending.signal.aborted) throw error;
    });
    if (this.#ending.signal.aborted) return;
    const bytes = this.#soundBytes(request, answer);
    await log.client.nodeAnswer({ village, node }, request.id, nodeAnswerId(bytes), bytes, reader);
    this.#answered += 1;
    env.say('remote request answered', { kind: request.kind, host: request.host });
  }

  async #answer(request: NodeRequest, over: AbortSignal): Promise<NodeAnswer> {
    const { hosts } = this.#parts.settings.config;
    if (!hosts.some(({ id }) => id === request.host))
      return this.#failure(request, { code: 'host-unknown', reason: 'the node has no such host' });
    return request.kind === 'inventory' ? this.#inventory(request) : this.#dryRun(request, over);
  }

  async #dryRun(request: DryRunRequest, over: AbortSignal): Promise<NodeAnswer> {
    const { env, settings, drivers, inventories, inForce, specOf } = this.#parts;
    const current = inForce();
    const subject = await dryRunSubject(request, current.verified.state, specOf);
    if ('code' in subject) return this.#failure(request, subject);
    const transcript = await dryRun(
      {
        ...{ village: settings.config.village, node: settings.config.node },
        ...{ hosts: settings.hosts, drivers, inForce: current },
        inventory: (host) => inventories.index(host),
        refresh: async (host, ids) =>
          inventories.has(host) ? inventories.refreshFast(host, ids) : undefined,
        nowMs: env.now,
        isOver: () => over.aborted,
      },
      request,
      subject,
    );
    if ('code' in transcript) return this.#failure(request, transcript);
    return over.aborted ? transcript : this.#record(request, transcript);
  }

  /** The record is durable before the answer leaves. */
  async #record(request: DryRunRequest, transcript: Transcript): Promise<NodeAnswer> {
    const { policy, version, ir_digest, severity, ended_ms } = transcript;
    const appended = await this.#parts.record({
      ...{ kind: 'dry-run', policy, version, severity, timeMs: ended_ms },
      ir: bytesOf(ir_digest),
      transcript: bytesOf(nodeAnswerId(formatNodeAnswer(transcript))),
    });
    if (appended.kind === 'appended') return transcript;
    const reason = `the dry run cannot be recorded: ${appended.code}`;
    return this.#failure(request, { code: 'busy', reason });
  }

  async #inventory(request: InventoryRequest): Promise<NodeAnswer> {
    const { env, inventories, settings } = this.#parts;
    const { host } = request;
    if (!inventories.has(host))
      return this.#failure(request, {
        code: 'busy',
        reason: 'no inventory of the host is kept yet',
      });
    const waitMs = Math.max(0, request.deadline_ms - env.now() - 2 * ANSWER_MS);
    const over = new AbortController();
    const full = inventories.refreshFull(host).then(({ refreshed }) => refreshed);
    const late = env.sleep(waitMs, over.signal).then(() => false);
    const refreshed = await Promise.race([full, late]);
    over.abort();
    const { timeMs, stale, reason } = inventories.judge(host);
    const all = inventories.index(host)?.items ?? [];
    const items = fitting(all);
    const { village, node } = settings.config;
    return {
      ...{ format: INVENTORY_FORMAT, village, node, host, stale, reason, refreshed, items },
      ts: timeMs === 0 ? null : Math.floor(timeMs),
      items_cut: all.length - items.length,
    };
  }

  /** What the log would not read is our fault, and is said in a form that it does read. */
  #soundBytes(request: NodeRequest, answer: NodeAnswer): Uint8Array {
    try {
      const bytes = formatNodeAnswer(answer);
      readNodeAnswer(bytes);
      return bytes;
    } catch (error) {
      if (!isLogError(error)) throw error;
      const { message } = error;
      this.#parts.env.say('remote request failed', { message });
      const reason = `the answer is not sound: ${message}`;
      return formatNodeAnswer(this.#failure(request, { code: 'failed', reason }));
    }
  }

  #failure({ host }: NodeRequest, { code, reason }: Declined): NodeAnswer {
    const { village, node } = this.#parts.settings.config;
    return { format: FAILURE_FORMAT, village, node, host, code, reason: reason.slice(0, 4000) };
  }
}

function fitting(all: InventoryAnswer['items']): InventoryAnswer['items'] {
  const items = [];
  let bytes = 0;
  for (const item of all.slice(0, MAX_ANSWER_ITEMS)) {
    bytes += 3 * JSON.stringify(item).length;
    if (bytes > MAX_ITEM_BYTES) break;
    items.push(item);
  }
  return items;
}

function bytesOf(hex: string): Uint8Array {
  return parseHex(hex) ?? bug('a digest is not hexadecimal');
}
