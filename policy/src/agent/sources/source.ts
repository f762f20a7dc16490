// Where events come from. A source observes; what it observed becomes events by the rules of the engine.

import type { Observation } from '../../engine/hold.ts';

/** The world of a source: clocks and timers are handed in. */
export interface SourceEnv {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number;
  /** Calls back once after `delayMs`, unless the answer is called before. */
  readonly later: (delayMs: number, callback: () => void) => () => void;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
}

/** What a source tells. */
export interface SourceSink {
  /** Something was seen. */
  readonly observed: (seen: Omit<Observation, 'monotonicMs' | 'ts'>) => void;
  /** The source does not answer: what held before is not known any more. */
  readonly lost: (subject: Observation['subject'], reason: string) => void;
}

export interface Source {
  readonly name: string;
  start(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  status(): SourceStatus;
}

export interface SourceStatus {
  readonly isUp: boolean;
  /** Milliseconds since 1970 of the last observation; null: none yet. */
  readonly lastMs: number | null;
  readonly reason: string | null;
}
