// A whole witness in one call: store, rules and HTTP server.

import { once } from 'node:events';
import { bug } from '@writ/core/errors';
import type { SignerKey, VerifierKey } from '@writ/core/formats/key';
import { createMemoryHeads } from './heads.ts';
import { openLevelHeads } from './heads-level.ts';
import { createWitnessServer } from './http-server.ts';
import { createWitness, type Env } from './witness.ts';

export interface WitnessConfig {
  /** Cosigner keys, at least one. */
  readonly keys: readonly SignerKey[];
  /** Log keys; the name of a key is the origin of its log. */
  readonly logs: readonly VerifierKey[];
  /** Folder of the state, or `memory` for a witness that forgets: exactly one of the two. */
  readonly storePath?: string;
  readonly memory?: true;
  /** False refuses a store that does not exist yet; true by default. */
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
  /** Finishes the requests under way, however long their clients take, then closes the store. */
  close(): Promise<void>;
}

/** Opens the store and listens. Errors as `openLevelHeads`, or what listening throws. */
export async function startWitness(config: WitnessConfig): Promise<RunningWitness> {
  const { keys, logs, env, storePath, memory, createStore = true } = config;
  if ((storePath === undefined) === (memory === undefined))
    throw new TypeError('give either storePath or memory');
  const heads =
    storePath === undefined
      ? createMemoryHeads()
      : await openLevelHeads(storePath, { create: createStore });
  try {
    const witness = createWitness({ signers: keys, logs, heads, env });
    const server = createWitnessServer(witness, env);
    await once(server.listen(config.port, config.host ?? '127.0.0.1'), 'listening');
    const at = server.address();
    if (at === null || typeof at === 'string') return bug('a server that listens has an address');
    const close = async (): Promise<void> => {
      await once(server.close(), 'close');
      await heads.close();
    };
    const host = at.family === 'IPv6' ? `[${at.address}]` : at.address;
    const { vkeys, setLogs } = witness;
    return { url: `http://${host}:${at.port}`, vkeys, setLogs, close };
  } catch (error) {
    await heads.close();
    throw error;
  }
}
