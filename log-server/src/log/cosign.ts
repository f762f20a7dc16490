// One round of cosigning: every witness of the trust policy is asked at once, and the round ends when all have
// answered, or a short grace after the quorum is met. A dead witness costs nobody any time.

import { isLogError, type LogError } from '@writ/core/errors';
import { isQuorumMet, type PolicyWitness, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { Env } from '../env.ts';
import { type Cosignature, type CosignRequest, WitnessClient } from './witness-client.ts';

/** What a round brought. `quorumMet` is the verdict of the trust policy. */
export interface CosignRound {
  readonly cosignatures: readonly Cosignature[];
  readonly quorumMet: boolean;
}

/** `late`: aborted, because the quorum was met without it. */
export type WitnessOutcome = 'cosigned' | 'failed' | 'late';

export interface CosignOptions {
  /** Longest wait for any witness. */
  readonly timeoutMs: number;
  /** Wait for the others once the quorum is met. */
  readonly graceMs: number;
  /** Called once for each witness asked. */
  onWitness?(client: WitnessClient, outcome: WitnessOutcome, seconds: number): void;
}

/** Clients for the witnesses of a policy: one for each URL, so that a server with two keys is asked once. */
export function witnessClients(env: Env, policy: TrustPolicy): WitnessClient[] {
  const byUrl = new Map<string, PolicyWitness[]>();
  for (const witness of policy.witnesses.values()) {
    if (witness.url === undefined) continue;
    const members = byUrl.get(witness.url) ?? [];
    members.push(witness);
    byUrl.set(witness.url, members);
  }
  return [...byUrl].map(([url, members]) => new WitnessClient(env, url, members));
}

/**
 * Asks all witnesses for cosignatures on `request`, whose checkpoint must be durable already. LogError
 * checkpoint-rolled-back when a witness is ahead of us; every other failure just leaves its line out.
 */
export async function gatherCosignatures(
  env: Env,
  policy: TrustPolicy,
  clients: readonly WitnessClient[],
  request: CosignRequest,
  options: CosignOptions,
): Promise<CosignRound> {
  const round = new Round(env, policy, request, options);
  await round.run(choose(policy, clients));
  if (round.fatal !== undefined) throw round.fatal;
  return { cosignatures: round.cosignatures, quorumMet: round.isMet };
}

/** Leaves pausing witnesses out, unless the quorum cannot be met without them. */
function choose(policy: TrustPolicy, clients: readonly WitnessClient[]): readonly WitnessClient[] {
  const awake = clients.filter((client) => !client.isPausing);
  const names = awake.flatMap((client) => client.members.map((member) => member.name));
  return isQuorumMet(policy, new Set(names)) ? awake : clients;
}

class Round {
  readonly cosignatures: Cosignature[] = [];
  fatal: LogError | undefined;
  readonly #late = new AbortController();
  readonly #done = new AbortController();
  #inGrace = false;
  readonly #env: Env;
  readonly #policy: TrustPolicy;
  readonly #request: CosignRequest;
  readonly #options: CosignOptions;

  constructor(env: Env, policy: TrustPolicy, request: CosignRequest, options: CosignOptions) {
    this.#env = env;
    this.#policy = policy;
    this.#request = request;
    this.#options = options;
  }

  get isMet(): boolean {
    return isQuorumMet(this.#policy, new Set(this.cosignatures.map(({ witness }) => witness)));
  }

  async run(clients: readonly WitnessClient[]): Promise<void> {
    this.#abortAfter(this.#options.timeoutMs);
    this.#startGrace(); // a policy without quorum is met from the start
    await Promise.all(clients.map((client) => this.#ask(client)));
    this.#done.abort();
  }

  async #ask(client: WitnessClient): Promise<void> {
    const started = performance.now();
    let outcome: WitnessOutcome = 'failed';
    try {
      this.cosignatures.push(...(await client.cosign(this.#request, this.#late.signal)));
      outcome = 'cosigned';
      this.#startGrace();
    } catch (error) {
      if (!isLogError(error)) throw error;
      if (error.code === 'checkpoint-rolled-back') {
        this.fatal ??= error;
        this.#late.abort();
      } else if (this.#late.signal.aborted && this.#inGrace) outcome = 'late';
    }
    this.#report(client, outcome, (performance.now() - started) / 1000);
  }

  #report(client: WitnessClient, outcome: WitnessOutcome, seconds: number): void {
    if (outcome === 'failed') {
      const fields = { witness: client.url, failures: client.failures, reason: client.lastError };
      this.#env.log.warn(fields, 'no cosignature');
    }
    this.#options.onWitness?.(client, outcome, seconds);
  }

  #startGrace(): void {
    if (this.#inGrace || !this.isMet) return;
    this.#inGrace = true;
    this.#abortAfter(this.#options.graceMs);
  }

  #abortAfter(milliseconds: number): void {
    void this.#env.sleep(milliseconds, this.#done.signal).then(() => this.#late.abort());
  }
}
