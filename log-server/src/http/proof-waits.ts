// Requests that wait until their entry is published: bounded, and not for clients that are gone.

import type { Socket } from 'node:net';
import type { Context } from 'hono';
import type { Publisher } from '../log/publish.ts';
import type { CheckpointRecord } from '../storage/port.ts';
import type { AppEnv } from './reply.ts';

/** How often a wait looks whether its client is still there. */
const LOOK_MS = 500;

export class ProofWaits {
  readonly #publisher: Publisher;
  /** Connections with a request that waits. */
  readonly #waiting = new WeakSet<Socket>();

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  /**
   * The first record with quorum that covers `size` entries. Undefined after `timeoutMs`, when the client is gone,
   * and at once when too many wait or another request of the connection does: answers leave in the order of
   * requests, so one that waits holds up all behind it, and a pile of them would outlive a client that Node no
   * longer listens to.
   */
  async published(
    c: Context<AppEnv>,
    size: number,
    timeoutMs: number,
  ): Promise<CheckpointRecord | undefined> {
    const socket = c.env?.incoming?.socket;
    if (socket === undefined) return this.#publisher.waitFor(size, timeoutMs);
    if (this.#waiting.has(socket)) return undefined;
    this.#waiting.add(socket);
    try {
      return await this.#whileOpen(socket, size, timeoutMs);
    } finally {
      this.#waiting.delete(socket);
    }
  }

  /** In short waits; where the publisher ends one at once, having stopped or too many waiting, all end at once. */
  async #whileOpen(
    socket: Socket,
    size: number,
    timeoutMs: number,
  ): Promise<CheckpointRecord | undefined> {
    for (let leftMs = timeoutMs; leftMs > 0 && !socket.destroyed; leftMs -= LOOK_MS) {
      const record = await this.#publisher.waitFor(size, Math.min(leftMs, LOOK_MS));
      if (record !== undefined) return record;
    }
    return undefined;
  }
}
