// What the records of a node add up to (spec/node-records.md section 4).

import type { HexMap } from './hex-map.ts';
import type { Owned } from './owned.ts';

/** An intent whose end is not recorded yet. */
export interface OpenIntent {
  readonly seq: number;
  readonly targets: number;
}

/** An intent that ended, and the position of its end. */
export interface ClosedIntent {
  readonly id: string;
  readonly seq: number;
}

/** What the node put in force last. */
export interface Applied {
  readonly villageSeq: number;
  readonly villageHead: Uint8Array;
  /** Size of the checkpoint under which it was verified. */
  readonly size: number;
}

/** Records of the stream so far. */
export interface NodeCounts {
  readonly intents: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly unknown: number;
  /** Stimuli in the batches of `execution-suppressed`. */
  readonly suppressed: number;
  /** Records that `records-lost` counts. */
  readonly lost: number;
}

export interface NodeState extends Owned {
  readonly family: 'node';
  /** By the id of the intent. */
  readonly open: HexMap<OpenIntent>;
  /** The intents that ended last, oldest first. */
  readonly closed: readonly ClosedIntent[];
  readonly applied: Applied | null;
  readonly counts: NodeCounts;
}

/** Intents that may be open at a time. */
export const MAX_OPEN_INTENTS = 1024;

/** Intents that a state remembers after they ended. */
export const MAX_CLOSED_INTENTS = 64;

export const NO_RECORDS: NodeCounts = {
  intents: 0,
  succeeded: 0,
  failed: 0,
  skipped: 0,
  unknown: 0,
  suppressed: 0,
  lost: 0,
};
