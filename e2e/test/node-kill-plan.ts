// What the runs of the kill matrix share with the test that starts them.

export interface KillPlan {
  readonly dir: string;
  readonly url: string;
  /** Folder with node.key and trust.policy. */
  readonly keys: string;
  /** Where to die, and at which time of being there; null: nowhere. */
  readonly step: string | null;
  readonly count: number;
  readonly run: number;
  /** Numbers of the events to handle, in this order. */
  readonly events: readonly number[];
  readonly wallMs: number;
}

/** Policies, each with a name of a webhook of its own. */
export const POLICIES = 12;
export const WINDOW_MS = 3_600_000;
export const NODE = 'node-1';
export const VILLAGE = 'north-quay';
