// Polls upsd. Every UPS of the server is a subject, `<ups>@<host>:<port>`.

import { LogError } from '@writ/core/errors';
import { type LineSocket, NutClient } from './nut-client.ts';
import { readUps } from './nut-state.ts';
import type { Source, SourceEnv, SourceSink, SourceStatus } from './source.ts';

export interface NutOptions {
  readonly host: string;
  readonly port: number;
  /** Names of the UPSs to watch; empty: all. */
  readonly ups: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly pollMs: number;
  readonly connect: (address: { host: string; port: number }) => Promise<LineSocket>;
}

/** Longest pause between two tries to connect, in milliseconds. */
const MAX_BACKOFF_MS = 60_000;
/** Longest time that one look at all UPSs may take, in milliseconds; a server that drips would hold it for ever. */
const MAX_POLL_MS = 30_000;

export class NutSource implements Source {
  readonly name: string;
  readonly #env: SourceEnv;
  readonly #sink: SourceSink;
  readonly #options: NutOptions;
  #client: NutClient | undefined;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #failures = 0;
  #lastMs: number | null = null;
  #reason: string | null = 'not asked yet';
  #isStopped = true;
  readonly #known = new Set<string>();

  constructor(env: SourceEnv, sink: SourceSink, options: NutOptions) {
    this.#env = env;
    this.#sink = sink;
    this.#options = options;
    this.name = `nut ${options.host}:${options.port}`;
  }

  start(): void {
    this.#isStopped = false;
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    this.#hangUp();
    await this.#running;
  }

  status(): SourceStatus {
    return { isUp: this.#reason === null, lastMs: this.#lastMs, reason: this.#reason };
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#env.later(delayMs, () => {
      this.#running = this.#turn();
    });
  }

  async #turn(): Promise<void> {
    const cancel = this.#env.later(MAX_POLL_MS, () => this.#hangUp());
    try {
      await this.#poll().finally(cancel);
      this.#failures = 0;
      this.#reason = null;
      this.#schedule(this.#options.pollMs);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      // A source that is being stopped hung up itself; that says nothing of the UPSs.
      if (this.#isStopped) return;
      this.#lose(error.message);
      this.#failures += 1;
      const backoff = Math.min(this.#options.pollMs * 2 ** this.#failures, MAX_BACKOFF_MS);
      this.#schedule(backoff * (0.5 + this.#env.random() / 2));
    }
  }

  async #poll(): Promise<void> {
    const client = await this.#connected();
    const wanted = this.#options.ups;
    const names = wanted.length > 0 ? wanted : [...(await client.listUps()).keys()];
    this.#forgetOthers(names);
    for (const ups of names) {
      const reading = readUps(await client.listVariables(ups));
      if (this.#isStopped) return;
      const subject = this.#subject(ups);
      this.#known.add(ups);
      if (!reading.isKnown) this.#sink.lost(subject, 'the driver has lost the UPS');
      const { states, samples } = reading;
      this.#sink.observed({ subject, states, samples });
      this.#lastMs = this.#env.now();
    }
  }

  /** What the server does not list any more is not known any more. */
  #forgetOthers(names: readonly string[]): void {
    const listed = new Set(names);
    for (const ups of this.#known) {
      if (listed.has(ups)) continue;
      this.#known.delete(ups);
      this.#tellLost(ups, 'the server does not list the UPS any more');
    }
  }

  async #connected(): Promise<NutClient> {
    if (this.#client !== undefined) return this.#client;
    const { host, port, user, password, connect } = this.#options;
    const client = new NutClient(await connect({ host, port }));
    this.#client = client;
    if (user !== undefined && password !== undefined) await client.login(user, password);
    return client;
  }

  #lose(reason: string): void {
    this.#hangUp();
    this.#reason = reason;
    for (const ups of this.#known) this.#tellLost(ups, reason);
  }

  #tellLost(ups: string, reason: string): void {
    this.#sink.lost(this.#subject(ups), reason);
    this.#sink.observed({ subject: this.#subject(ups), states: ['comm-lost'] });
  }

  #hangUp(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #subject(ups: string): { kind: 'ups'; id: string } {
    return { kind: 'ups', id: `${ups}@${this.#options.host}:${this.#options.port}` };
  }
}
