// A whole witness in one call: store, rules and HTTP server.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bug } from '@writ/core/errors';
import type { SignerKey, VerifierKey } from '@writ/core/formats/key';
import type { Env } from './env.ts';
import { createMemoryHeads, type Heads } from './heads.ts';
import { openLevelHeads } from './heads-level.ts';
import { createWitnessServer } from './http-server.ts';
import { createWitness } from './witness.ts';

/** How long `close` waits for requests under way. */
const DRAIN_MS = 5_000;

export interface WitnessConfig {
  /** Cosigner keys, at least one. */
  readonly keys: readonly SignerKey[];
  /** Log keys; the name of a key is the origin of its log. */
  readonly logs: readonly VerifierKey[];
  /** Folder of the state, or `memory` for a witness that forgets: exactly one of the two. */
  readonly storePath?: string;
  readonly memory?: true;
  /** False refuses a store that does not exist yet (`writ-witness serve`); true by default. */
  readonly createStore?: boolean;
  /** 0 for any free port. */
  readonly port: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  readonly env: Env;
}

export interface RunningWitness {
  /** Submission and monitoring prefix, without a slash at the end. */
  readonly url: string;
  readonly vkeys: readonly string[];
  /** Replaces the list of logs. */
  setLogs(logs: readonly VerifierKey[]): void;
  /** Finishes the requests under way, then closes the store. */
  close(): Promise<void>;
}

/** Opens the store and listens. Errors as `openLevelHeads`, or what listening throws. */
export async function startWitness(config: WitnessConfig): Promise<RunningWitness> {
  const { keys, logs, env, port, host = '127.0.0.1' } = config;
  const heads = await openHeads(config);
  try {
    const witness = createWitness({ signers: keys, logs, heads, env });
    const server = createWitnessServer(witness, env);
    const address = await listen(server, port, host);
    const hostPart = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return {
      url: `http://${hostPart}:${address.port}`,
      vkeys: witness.vkeys,
      setLogs: (next) => witness.setLogs(next),
      close: async () => {
        await drain(server);
        await heads.close();
      },
    };
  } catch (error) {
    await heads.close();
    throw error;
  }
}

async function openHeads({ storePath, memory, createStore }: WitnessConfig): Promise<Heads> {
  if ((storePath === undefined) === (memory === undefined))
    throw new TypeError('give either storePath or memory');
  if (storePath === undefined) return createMemoryHeads();
  return openLevelHeads(storePath, { create: createStore ?? true });
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address : bug('no address'));
    });
  });
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
