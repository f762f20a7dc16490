// A real witness in this process, for the log of the tests.

import { once } from 'node:events';
import type { Server } from 'node:http';
import { createSigner, formatVkey, parseVkey } from '@writ/core/formats/key';
import { createMemoryHeads } from '@writ/witness/heads';
import { createWitnessServer } from '@writ/witness/http-server';
import { createWitness } from '@writ/witness/witness';
import { LOG_KEY } from './writ-world.ts';

const KEY = createSigner('witness.example/one', 0x04, new Uint8Array(32).fill(3));

export class LocalWitness {
  /** What a trust policy says of it. */
  readonly trusted: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.trusted = `witness one ${formatVkey(KEY)} ${url}\nquorum one\n`;
  }

  static async start(): Promise<LocalWitness> {
    const silent = (): void => {};
    const env = { nowMs: () => Date.now(), log: { info: silent, warn: silent, error: silent } };
    const heads = createMemoryHeads();
    const witness = createWitness({
      signers: [KEY],
      logs: [parseVkey(formatVkey(LOG_KEY))],
      heads,
      env,
    });
    const server = createWitnessServer(witness, env);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return new LocalWitness(server, `http://127.0.0.1:${port}`);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
