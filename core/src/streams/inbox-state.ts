// The state of an inbox between two statements (spec/villages.md section 8).

import type { HexMap } from './hex-map.ts';
import type { Head } from './position.ts';
import type { Usage } from './village-state.ts';

/** What an outsider proposed. It does nothing until the village takes it up. */
export interface InboxProposal {
  /** Id of the statement in hexadecimal. */
  readonly id: string;
  readonly seq: number;
  /** Leaf index. */
  readonly index: number;
  /** Key id of the author in hexadecimal. */
  readonly author: string;
  readonly policy: string;
  readonly version: number;
  /** SHA-256 of the Policy Spec, and its length. */
  readonly digest: Uint8Array;
  readonly specBytes: number;
  readonly expiresAtSeconds: number;
}

export interface InboxState {
  readonly family: 'inbox';
  readonly village: string;
  readonly head: Head;
  /** Proposals that were neither decided nor expired when the last statement came, by statement id. */
  readonly proposals: HexMap<InboxProposal>;
  /** Statements of each key on the current day, by key id. */
  readonly usage: Usage;
}
