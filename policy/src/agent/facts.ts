// What a node knows at this moment, for conditions: the newest sample of everything that its sources told. A sample that is
// old is not known any more.

import type { Scalar } from '../engine/policy-spec.ts';

interface Sample {
  readonly value: Scalar;
  /** On the monotonic clock. */
  readonly atMs: number;
}

/** Oldest sample that still counts, in milliseconds. */
export const MAX_SAMPLE_AGE_MS = 120_000;
/** Most subjects, and most samples of one. */
export const MAX_SUBJECTS = 10_000;
export const MAX_SAMPLES = 1000;

/** The newest samples by subject, `kind/id`. */
export class Facts {
  readonly #monotonic: () => number;
  readonly #subjects = new Map<string, Map<string, Sample>>();
  readonly #states = new Map<
    string,
    { readonly states: readonly string[]; readonly atMs: number }
  >();
  #refused = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Samples that there was no room for. */
  get refused(): number {
    return this.#refused;
  }

  learn(subject: string, samples: Iterable<readonly [string, Scalar]>): void {
    let known = this.#subjects.get(subject);
    if (known === undefined) {
      if (this.#subjects.size >= MAX_SUBJECTS && !this.#evict()) {
        this.#refused += 1;
        return;
      }
      known = new Map();
      this.#subjects.set(subject, known);
    }
    const atMs = this.#monotonic();
    for (const [name, value] of samples) {
      if (!known.has(name) && known.size >= MAX_SAMPLES) this.#refused += 1;
      else known.set(name, { value, atMs });
    }
  }

  /** The states that hold of a subject now, in place of those that held before. */
  learnStates(subject: string, states: readonly string[]): void {
    this.learn(subject, []);
    if (this.#subjects.has(subject)) this.#states.set(subject, { states, atMs: this.#monotonic() });
  }

  /** What is not known any more: its source was lost. */
  forget(subject: string): void {
    this.#subjects.delete(subject);
    this.#states.delete(subject);
  }

  /** The states that hold; undefined: nobody said, or too long ago. */
  states(subject: string): readonly string[] | undefined {
    const found = this.#states.get(subject);
    return found === undefined || this.#isOld(found) ? undefined : found.states;
  }

  /** Every subject of a kind of which something is known. */
  subjects(kind: string): readonly string[] {
    return [...this.#subjects.keys()].filter((subject) => subject.startsWith(`${kind}/`));
  }

  /** The value; undefined: nobody said, or too long ago. */
  value(subject: string, name: string): Scalar | undefined {
    const sample = this.#subjects.get(subject)?.get(name);
    return sample === undefined || this.#isOld(sample) ? undefined : sample.value;
  }

  #isOld({ atMs }: Pick<Sample, 'atMs'>): boolean {
    return this.#monotonic() - atMs > MAX_SAMPLE_AGE_MS;
  }

  /** Makes room by what is old anyway. */
  #evict(): boolean {
    for (const [subject, samples] of this.#subjects) {
      if (![...samples.values()].every((sample) => this.#isOld(sample))) continue;
      this.forget(subject);
      return true;
    }
    return false;
  }
}
