// Stands between a log and a witness and keeps every checkpoint that the log shows and every cosignature that the
// witness gives, whoever is killed afterwards.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { concatBytes } from '@writ/core/bytes';

/** A request to add-checkpoint and what came back; no status when nobody answered. */
export interface Exchange {
  readonly request: Uint8Array;
  readonly status: number | undefined;
  readonly answer: Uint8Array;
}

/** A recording proxy in front of one witness. */
export class CosignRecorder {
  /** Requests seen so far. */
  count: number = 0;
  #exchanges: Exchange[] = [];
  /** Where the witness listens now; undefined while it is down. */
  target: string | undefined;
  readonly #server: Server;
  readonly #url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.#url = url;
    server.on('request', (request, response) => {
      // The socket is gone when either side was killed; that is what this is for.
      this.#forward(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<CosignRecorder> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address: AddressInfo | string | null = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    return new CosignRecorder(server, `http://127.0.0.1:${address.port}`);
  }

  /** The submission prefix for the trust policy of the log. */
  get url(): string {
    return this.#url;
  }

  /** What was recorded since the last call. */
  takeExchanges(): Exchange[] {
    const exchanges = this.#exchanges;
    this.#exchanges = [];
    return exchanges;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of incoming) parts.push(chunk);
    const request = concatBytes(...parts);
    const { status, type, answer } = await this.#ask(incoming.url ?? '/', request);
    this.count++;
    this.#exchanges.push({ request, status, answer });
    if (status === undefined) outgoing.destroy();
    else outgoing.writeHead(status, type === null ? {} : { 'content-type': type }).end(answer);
  }

  async #ask(
    path: string,
    request: Uint8Array,
  ): Promise<{ status: number | undefined; type: string | null; answer: Uint8Array }> {
    const nothing = { status: undefined, type: null, answer: new Uint8Array(0) };
    if (this.target === undefined) return nothing;
    try {
      const body = Uint8Array.from(request);
      const response = await fetch(`${this.target}${path}`, { method: 'POST', body });
      const answer = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, type: response.headers.get('content-type'), answer };
    } catch {
      return nothing;
    }
  }
}
