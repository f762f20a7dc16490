// Requests to nodes, which have no open port: they wait here until the node asks for one, and are over at their
// deadline (spec/policy-api.md section 7). In memory only; whoever asked is still connected.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type {
  DryRunRequest,
  InventoryRequest,
  NodeAnswer,
  NodeRequest,
} from '@writ/policy/engine/transcript';
import type { Env } from '../env.ts';

/** Requests of one node, and of all, that wait or run. */
export const MAX_NODE_REQUESTS = 16;
export const MAX_REQUESTS = 1024;
/** Nodes that may poll at a time. */
export const MAX_POLLS = 1024;
/** Ended requests whose answer is called late. */
const MAX_ENDED = 4096;
const ID_BYTES = 16;

/** A request before it has an id. */
export type Question = Omit<DryRunRequest, 'id'> | Omit<InventoryRequest, 'id'>;

interface Pending {
  readonly request: NodeRequest;
  readonly node: string;
  isGiven: boolean;
  settle(answer: NodeAnswer | undefined): void;
}

interface Poll {
  /** False when the node is gone, and the request goes to its next poll. */
  isThere(): boolean;
  settle(request: NodeRequest | undefined): void;
}

/** Nodes are named `<village>/<node>`. */
export class NodeChannel {
  readonly #env: Pick<Env, 'nowMs' | 'random' | 'sleep'>;
  readonly #pending = new Map<string, Pending>();
  readonly #polls = new Map<string, Poll>();
  /** Id → node, the oldest first. */
  readonly #ended = new Map<string, string>();

  constructor(env: Pick<Env, 'nowMs' | 'random' | 'sleep'>) {
    this.#env = env;
  }

  /**
   * Asks a node, and resolves with its answer; undefined when there is none by the deadline of the question.
   * LogError overloaded.
   */
  async ask(node: string, question: Question): Promise<NodeAnswer | undefined> {
    let ofNode = 0;
    for (const pending of this.#pending.values()) if (pending.node === node) ofNode++;
    if (ofNode >= MAX_NODE_REQUESTS || this.#pending.size >= MAX_REQUESTS)
      throw new LogError('overloaded', 'too many requests wait for nodes: try again later');
    const id = formatHex(this.#env.random(ID_BYTES));
    const waitMs = Math.max(0, question.deadline_ms - this.#env.nowMs());
    const over = new AbortController();
    try {
      return await new Promise<NodeAnswer | undefined>((resolve) => {
        const pending = { request: { ...question, id }, node, isGiven: false, settle: resolve };
        this.#pending.set(id, pending);
        void this.#env.sleep(waitMs, over.signal).then(() => resolve(undefined));
        this.#give(node);
      });
    } finally {
      over.abort();
      this.#end(id, node);
    }
  }

  /**
   * The next request for a node, at most `waitMs` from now; undefined for none. A newer poll of the node ends this one.
   * `isThere`: false when who polls is gone. LogError overloaded.
   */
  async poll(
    node: string,
    waitMs: number,
    isThere: () => boolean,
  ): Promise<NodeRequest | undefined> {
    this.#polls.get(node)?.settle(undefined);
    if (this.#polls.size >= MAX_POLLS)
      throw new LogError('overloaded', 'too many nodes wait for requests: try again later');
    const over = new AbortController();
    let poll: Poll | undefined;
    try {
      return await new Promise<NodeRequest | undefined>((resolve) => {
        poll = { isThere, settle: resolve };
        this.#polls.set(node, poll);
        void this.#env.sleep(waitMs, over.signal).then(() => resolve(undefined));
        this.#give(node);
      });
    } finally {
      over.abort();
      if (this.#polls.get(node) === poll) this.#polls.delete(node);
    }
  }

  /** The request that a node was given and has not answered. LogError not-found, node-answer-late. */
  given(node: string, id: string): NodeRequest {
    const pending = this.#pending.get(id);
    if (pending?.node === node && pending.isGiven) return pending.request;
    if (this.#ended.get(id) === node)
      throw new LogError(
        'node-answer-late',
        'the request is over: its answer is not wanted any more',
      );
    throw new LogError('not-found', 'this node was not given a request of this id');
  }

  /** Hands the answer to who asked. LogError as `given`. */
  answer(node: string, id: string, answer: NodeAnswer): void {
    this.given(node, id);
    this.#pending.get(id)?.settle(answer);
    this.#end(id, node);
  }

  /** Lets go of everybody who waits. */
  close(): void {
    for (const { settle } of [...this.#polls.values()]) settle(undefined);
    for (const { settle } of [...this.#pending.values()]) settle(undefined);
  }

  /** Gives the oldest request of a node to its poll, where there are both. */
  #give(node: string): void {
    const poll = this.#polls.get(node);
    if (poll === undefined || !poll.isThere()) return;
    for (const pending of this.#pending.values()) {
      if (pending.node !== node || pending.isGiven) continue;
      pending.isGiven = true;
      this.#polls.delete(node);
      poll.settle(pending.request);
      return;
    }
  }

  #end(id: string, node: string): void {
    if (!this.#pending.delete(id)) return;
    this.#ended.set(id, node);
    if (this.#ended.size <= MAX_ENDED) return;
    const [oldest] = this.#ended.keys();
    if (oldest !== undefined) this.#ended.delete(oldest);
  }
}
