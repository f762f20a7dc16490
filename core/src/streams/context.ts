// What a reducer may know beside the state of its own stream: facts that follow from the entries before the
// statement, and from nothing else.

import type { InboxState } from './inbox-state.ts';
import type { VillageState } from './village-state.ts';

export interface Context {
  /** Leaf index that the statement has or would get. */
  readonly index: number;
  /** Time of the latest state root before the statement, in seconds since 1970; 0 before the first. */
  readonly timeSeconds: number;
  /** The Ed25519 public key with which the log signs its own statements now. */
  readonly logKey: Uint8Array;
  /** The state of a village before the statement; undefined where there is no such village. */
  readonly village: (village: string) => VillageState | undefined;
  /** The state of the inbox of a village before the statement; undefined while nobody wrote to it. */
  readonly inbox: (village: string) => InboxState | undefined;
}
