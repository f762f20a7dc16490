// Work that is done again and again until it is stopped: one run at a time, never two.

import type { SourceEnv } from './sources/source.ts';

export class Repeat {
  readonly #env: Pick<SourceEnv, 'later' | 'random'>;
  readonly #work: () => Promise<number>;
  #cancel: () => void = () => {};
  #running: Promise<void> | undefined;
  #isStopped = false;
  #isWanted = false;

  /** `work` answers in how many milliseconds it wants to run again; what it throws is a fault and is not caught. */
  constructor(env: Pick<SourceEnv, 'later' | 'random'>, work: () => Promise<number>) {
    this.#env = env;
    this.#work = work;
  }

  start(delayMs = 0): void {
    this.#schedule(delayMs);
  }

  /** Runs now, or again as soon as the present run has ended. */
  nudge(): void {
    if (this.#running === undefined) this.#schedule(0);
    else this.#isWanted = true;
  }

  /** Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    if (this.#isStopped) return;
    this.#cancel = this.#env.later(delayMs, () => {
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isWanted = false;
    const delayMs = await this.#work();
    this.#running = undefined;
    // A tenth either way, so that many nodes do not ask at the same moment.
    this.#schedule(this.#isWanted ? 0 : delayMs * (0.9 + 0.2 * this.#env.random()));
  }
}
