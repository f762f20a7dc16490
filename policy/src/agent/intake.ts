// From what sources see to what the engine hears: facts for conditions, and events for states that have held.

import { contraryWatches } from '../engine/contrary.ts';
import type { EngineEvent } from '../engine/event.ts';
import {
  forget,
  type Holds,
  NO_HOLDS,
  type Observation,
  observe,
  type Watch,
  watchesOf,
} from '../engine/hold.ts';
import type { Facts } from './facts.ts';
import type { EngineSnapshot } from './snapshot.ts';
import type { SourceEnv, SourceSink } from './sources/source.ts';

export class Intake implements SourceSink {
  readonly #env: SourceEnv;
  readonly #facts: Facts;
  readonly #publish: (event: EngineEvent) => void;
  #watches: readonly Watch[] = [];
  #holds: Holds = NO_HOLDS;

  /** `publish` takes every event that is due; it must not throw. */
  constructor(env: SourceEnv, facts: Facts, publish: (event: EngineEvent) => void) {
    this.#env = env;
    this.#facts = facts;
    this.#publish = publish;
  }

  /** What is watched from now on: what the active policies wait for, and what takes it back. */
  watch({ active }: EngineSnapshot): void {
    const irs = active.map(({ ir }) => ir);
    const all = [...watchesOf(irs), ...irs.flatMap(({ match }) => contraryWatches(match))];
    this.#watches = [...new Map(all.map((watch) => [JSON.stringify(watch), watch])).values()];
  }

  readonly observed: SourceSink['observed'] = (seen) => {
    const subject = `${seen.subject.kind}/${seen.subject.id}`;
    if (seen.states !== undefined) this.#facts.learnStates(subject, seen.states);
    if (seen.samples !== undefined) this.#facts.learn(subject, seen.samples);
    const ts = new Date(this.#env.now()).toISOString();
    const observation: Observation = { ...seen, monotonicMs: this.#env.monotonic(), ts };
    const { holds, events } = observe(this.#holds, this.#watches, observation);
    this.#holds = holds;
    for (const event of events) this.#publish(event);
  };

  readonly lost: SourceSink['lost'] = (subject) => {
    this.#facts.forget(`${subject.kind}/${subject.id}`);
    this.#holds = forget(this.#holds, subject);
  };
}
