// The state of a village between two statements (spec/villages.md section 5). Nothing in it ever changes: a reducer
// makes the next state and shares what stays.

import { formatHex } from '../bytes.ts';
import type { Constitution, Member } from '../statements/kinds/constitution.ts';
import type { NotBefore } from '../statements/kinds/village.ts';
import type { HexMap } from './hex-map.ts';
import type { Head } from './position.ts';
import type { ConstitutionRef } from './refusal.ts';

/** A key that a member has or had. */
export interface KeyRecord {
  readonly member: string;
  readonly key: Uint8Array;
  /** Position in the stream from which it is good; later statements may carry it. */
  readonly sinceSeq: number;
  /** Position from which it is no good any more; null while it is. */
  readonly untilSeq: number | null;
}

/** One version of a policy, and those before it. */
export interface PolicyVersion {
  readonly version: number;
  /** SHA-256 of the Policy Spec; null: the policy is off. */
  readonly digest: Uint8Array | null;
  /** Id of the statement that holds the Policy Spec; null: the policy is off. */
  readonly source: Uint8Array | null;
  /** Position and leaf index of the statement that activated it, and the time before that. */
  readonly seq: number;
  readonly index: number;
  readonly timeSeconds: number;
  /** A list, not an array: a new version costs the same after a million. */
  readonly previous: PolicyVersion | null;
}

/** What a proposal changes. */
export type Change =
  | {
      readonly kind: 'policy';
      readonly policy: string;
      readonly version: number;
      readonly digest: Uint8Array | null;
      readonly source: Uint8Array | null;
    }
  | {
      readonly kind: 'constitution';
      readonly version: number;
      readonly constitution: Constitution;
    }
  | { readonly kind: 'revocation'; readonly member: string; readonly key: Uint8Array };

/** One member's word on a proposal. */
export interface Ballot {
  readonly member: string;
  readonly seq: number;
}

export interface Proposal {
  /** Id of the statement that proposed it, in hexadecimal. */
  readonly id: string;
  /** Position in the stream of the village from which it is open. */
  readonly seq: number;
  /** The member that proposed it; null for one that came through the inbox. */
  readonly author: string | null;
  /** From this time on it can no longer be activated; null: never. */
  readonly expiresAtSeconds: number | null;
  readonly notBefore: NotBefore | null;
  readonly change: Change;
  readonly approvals: readonly Ballot[];
  readonly rejections: readonly Ballot[];
}

/** How a proposal ended. */
export const PROPOSAL_ENDS = [
  'activated',
  'superseded',
  'rejected',
  'withdrawn',
  'expired',
] as const;

export interface ClosedProposal {
  readonly id: string;
  readonly end: (typeof PROPOSAL_ENDS)[number];
  /** Position of the statement that ended it. */
  readonly seq: number;
}

/** How many ended proposals a state remembers, so that a late vote hears what became of them. */
export const MAX_CLOSED = 64;

/** What the village has said so far about a proposal in its inbox. */
export interface Decision {
  readonly end: 'open' | 'taken-up' | 'rejected';
  readonly approvals: readonly Ballot[];
  /** The proposal in the inbox is gone by then, and so is this. */
  readonly expiresAtSeconds: number;
}

/** Statements in one day of log time. */
export interface Usage {
  /** Days since 1970. */
  readonly day: number;
  /** In the order of the authors. An array, because copying one is cheap. */
  readonly counts: readonly AuthorCount[];
}

export interface AuthorCount {
  readonly author: string;
  readonly count: number;
}

export const NO_USAGE: Usage = { day: 0, counts: [] };

export interface VillageState {
  readonly family: 'village';
  readonly village: string;
  readonly name: string;
  readonly head: Head;
  readonly constitution: ConstitutionRef;
  /** The constitution in force, with the keys that the members have now. */
  readonly law: Constitution;
  /** Position at which each member joined. */
  readonly joined: ReadonlyMap<string, number>;
  /** Every key that any member ever had, by key id. */
  readonly keys: HexMap<KeyRecord>;
  /** The version in force of each policy, by UUID. */
  readonly policies: HexMap<PolicyVersion>;
  /** Open proposals, by statement id. */
  readonly proposals: HexMap<Proposal>;
  /** The last MAX_CLOSED proposals that ended, oldest first. */
  readonly closed: readonly ClosedProposal[];
  /** By statement id in the inbox. */
  readonly decisions: HexMap<Decision>;
  readonly usage: Usage;
}

/** The member of that name in the constitution in force. */
export function memberNamed(state: VillageState, name: string): Member | undefined {
  return state.law.members.find((member) => member.name === name);
}

/** The key of that id if it is good for the next statement of the village. */
export function validKey(state: VillageState, keyId: Uint8Array): KeyRecord | undefined {
  const record = state.keys.get(formatHex(keyId));
  return record?.untilSeq === null ? record : undefined;
}

/** True when a proposal with this expiry can no longer be activated. */
export function isExpired(expiresAtSeconds: number | null, timeSeconds: number): boolean {
  return expiresAtSeconds !== null && timeSeconds >= expiresAtSeconds;
}

const SECONDS_PER_DAY = 86_400;

/** `usage` with one more statement of `author`, and how many that makes on its day. */
export function countUse(
  usage: Usage,
  author: string,
  timeSeconds: number,
): { readonly usage: Usage; readonly count: number } {
  const day = Math.floor(timeSeconds / SECONDS_PER_DAY);
  const counts = day === usage.day ? usage.counts.slice() : [];
  const at = placeOf(counts, author);
  const found = counts[at]?.author === author ? counts[at].count : 0;
  const count = found + 1;
  if (found > 0) counts[at] = { author, count };
  else counts.splice(at, 0, { author, count });
  return { usage: { day, counts }, count };
}

// Where the author stands among the sorted `counts`, or would.
function placeOf(counts: readonly AuthorCount[], author: string): number {
  let low = 0;
  let high = counts.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((counts[middle]?.author ?? '') < author) low = middle + 1;
    else high = middle;
  }
  return low;
}
