// A node with its ledger in a folder, and a log that judges by the real rules, for tests.

import { formatHex, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { sha256 } from '@writ/core/sha256';
import { type NodePayload, openPayload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import type { NodeState } from '@writ/core/streams/node-state';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import { Journal } from '@writ/policy/agent/journal';
import { type Begun, type CallOutcome, Ledger } from '@writ/policy/agent/ledger';
import type { BeginRequest } from '@writ/policy/agent/ledger-intent';
import {
  type Instant,
  type NodeIdentity,
  OUTBOX_LIMITS,
  Outbox,
  type OutboxLimits,
} from '@writ/policy/agent/outbox';
import type { OutboxItem, StreamHeadRef, StreamLog, Verdict } from '@writ/policy/agent/stream-log';
import { Level } from 'level';
import { LOG, POLICY, statesOf, VILLAGE } from './villages.ts';

export const NODE = 'ups-17';
export const STREAM = `node/${VILLAGE}/${NODE}`;
export const HOST = '6e1c5a0e-2f59-4d52-8d55-0a5b9c3f7a10';
export const SIGNER = new Ed25519Signer(new Uint8Array(32).fill(7));
export const START: Instant = { wallMs: 1_795_190_400_000, steadyMs: 5000 };

export function digest(text: string): Uint8Array {
  return sha256(utf8(text));
}

/** A moment `ms` after START by both clocks. */
export function after(ms: number): Instant {
  return { wallMs: START.wallMs + ms, steadyMs: START.steadyMs + ms };
}

export function request(fields: Partial<BeginRequest> = {}): BeginRequest {
  return {
    policy: POLICY,
    version: 1,
    ir: digest('ir'),
    driver: digest('driver'),
    event: digest('event'),
    subject: 'ups/main',
    checkpoint: { size: 1, root: digest('root') },
    villageSeq: 0,
    host: HOST,
    capability: 'vm.lifecycle',
    verb: 'shutdown',
    targets: ['vm:101'],
    isDestructive: false,
    key: 'shutdown vm:101',
    params: { mode: 'soft' },
    paramsSchema: { type: 'object', properties: { mode: { type: 'string' } } },
    preconditions: null,
    transcript: null,
    correlation: null,
    idempotencyWindowMs: 60_000,
    suppressionWindowMs: 0,
    ...fields,
  };
}

/** A request that no other one holds back. */
export function fresh(i: number, fields: Partial<BeginRequest> = {}): BeginRequest {
  return request({ key: `key ${i}`, event: digest(`event ${i}`), ...fields });
}

export interface Node {
  readonly db: Level<string, Uint8Array>;
  readonly journal: Journal;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly unknown: readonly string[];
  close(): Promise<void>;
}

export interface NodeOptions {
  readonly now?: Instant;
  readonly limits?: Partial<OutboxLimits>;
  readonly onStep?: (step: string) => void;
  readonly hidesTargets?: boolean;
  readonly isPrivate?: boolean;
}

export const SUCCESS: CallOutcome = {
  result: 'succeeded',
  severity: 'info',
  effects: [],
  reason: null,
};

/** The id of an intent that was begun; throws for one that was not. */
export function idOf(begun: Begun): string {
  if (begun.kind !== 'begun') throw new Error(`not begun: ${JSON.stringify(begun)}`);
  return begun.id;
}

/** Begins and finishes a call; returns the id of the intent. */
export async function perform(
  { ledger }: Pick<Node, 'ledger'>,
  what: BeginRequest = request(),
  at: Instant = START,
): Promise<string> {
  const id = idOf(await ledger.begin(what, at));
  await ledger.finish(id, SUCCESS, at);
  return id;
}

let drawn = 0;

/** Bytes that no other call gets. */
function random(size: number): Uint8Array {
  drawn++;
  return digest(`${process.pid} ${performance.now()} ${drawn}`).slice(0, size);
}

export const IDENTITY: NodeIdentity = {
  village: VILLAGE,
  node: NODE,
  issuer: 'ups-17',
  signer: SIGNER,
  isPrivate: false,
  random,
};

/** Starts the node of a folder. */
export async function startNode(dir: string, options: NodeOptions = {}): Promise<Node> {
  const { now = START, limits, onStep, hidesTargets = false, isPrivate = false } = options;
  const db = new Level<string, Uint8Array>(dir, { valueEncoding: 'view' });
  await db.open();
  const journal = new Journal(db, onStep);
  const outbox = new Outbox(journal, { ...IDENTITY, isPrivate }, { ...OUTBOX_LIMITS, ...limits });
  try {
    const opened = await Ledger.open(journal, outbox, { random, now, hidesTargets });
    return { db, journal, outbox, ...opened, close: () => db.close() };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Every statement that the outbox keeps. */
export async function kept({ outbox }: Node): Promise<OutboxItem[]> {
  return outbox.items(outbox.status.settled, 1_000_000, Number.MAX_SAFE_INTEGER);
}

export function payloadOf({ statement, opening }: OutboxItem): NodePayload {
  return openPayload(decodeStatement(statement), opening ?? undefined) as NodePayload;
}

export async function payloads(node: Node): Promise<NodePayload[]> {
  return (await kept(node)).map(payloadOf);
}

/** A log in memory whose admission is that of the real one: duplicate, position, rules. */
export class RuleLog implements StreamLog {
  states = new Map<string, StreamState>();
  readonly entries: OutboxItem[] = [];
  /** Statements that were submitted, again and again where they were. */
  submissions = 0;
  /** Throws where the log cannot be asked. */
  beforeSubmit: () => void = () => {};
  /** Throws where the answer is lost. */
  afterSubmit: () => void = () => {};
  readonly #ids = new Set<string>();

  constructor() {
    const [village] = statesOf(0);
    if (village !== undefined) this.states.set(`village/${VILLAGE}`, village);
  }

  get head(): StreamHeadRef | null {
    const head = this.states.get(STREAM)?.head;
    return head === undefined ? null : { seq: head.seq, id: formatHex(head.id) };
  }

  get state(): NodeState {
    const state = this.states.get(STREAM);
    if (state?.family !== 'node') throw new Error('the log has no such node');
    return state;
  }

  get payloads(): NodePayload[] {
    return this.entries.map(payloadOf);
  }

  async submit(items: readonly OutboxItem[]): Promise<readonly Verdict[]> {
    this.beforeSubmit();
    const verdicts = items.map((item) => this.#admit(item));
    this.afterSubmit();
    return verdicts;
  }

  async provenHead(): Promise<StreamHeadRef | null> {
    return this.head;
  }

  #admit(item: OutboxItem): Verdict {
    this.submissions++;
    const statement = decodeStatement(item.statement);
    if (this.#ids.has(formatHex(statement.id))) return { kind: 'taken' };
    const payload = openPayload(statement, item.opening ?? undefined);
    const context = contextAt(this.states, 100 + this.entries.length, LOG.publicKey);
    const outcome = reduce(this.states, { statement, payload }, context);
    if (outcome.admitted) {
      this.states.set(statement.stream, outcome.state);
      this.#ids.add(formatHex(statement.id));
      this.entries.push(item);
      return { kind: 'taken' };
    }
    const { code, message } = outcome.refusal;
    const isPosition = code === 'position-wrong' || code === 'predecessor-unknown';
    return isPosition ? { kind: 'conflict', head: this.head } : { kind: 'refused', code, message };
  }
}
