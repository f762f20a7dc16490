// Members and their keys: who signs, what a rotation, a revocation and an amendment do to the keys
// (spec/villages.md section 7). A key is good from the position after the one that brought it to the one that takes it.

import { equalBytes } from '../bytes.ts';
import {
  type Constitution,
  MAX_MEMBER_KEYS,
  MAX_VILLAGE_KEYS,
  type Member,
} from '../statements/kinds/constitution.ts';
import { checkRules } from './constitution-check.ts';
import { HexMap } from './hex-map.ts';
import { isAcceptableKey, keyIdOf } from './key-facts.ts';
import { refuse } from './refusal.ts';
import type { KeyRecord, VillageState } from './village-state.ts';

const KEYS_RULE = 'constitution.members.keys';

/** What a new constitution brings: itself with the keys that its members really get, and their records. */
export interface Enacted {
  readonly law: Constitution;
  readonly joined: ReadonlyMap<string, number>;
  readonly keys: HexMap<KeyRecord>;
}

/** The first constitution, from position 0. Refuses weak, shared and too many keys, and rules that cannot be met. */
export function foundKeys(law: Constitution): Enacted {
  checkNewKeys(law, HexMap.of());
  checkRules(law);
  return { law, joined: joinedAt(law, new Map(), 0), keys: recordKeys(law, HexMap.of(), 0) };
}

/**
 * An amendment that was proposed at `proposedSeq` and takes effect at `seq`. What happened to keys meanwhile
 * stands: keys revoked since then stay revoked, keys rotated in stay with members who stay.
 */
export function enactKeys(
  state: VillageState,
  proposed: Constitution,
  proposedSeq: number,
  seq: number,
): Enacted {
  checkNewKeys(proposed, state.keys, proposedSeq);
  const members = proposed.members.map((member) => withLaterKeys(state, member, proposedSeq));
  const law = { ...proposed, members };
  checkKeyCount(law, KEYS_RULE);
  checkRules(law);
  return {
    law,
    joined: joinedAt(law, state.joined, seq),
    keys: recordKeys(law, state.keys, seq),
  };
}

function withLaterKeys(state: VillageState, member: Member, proposedSeq: number): Member {
  const keys = member.keys.filter((key) => state.keys.get(keyIdOf(key))?.untilSeq == null);
  for (const record of state.keys.values()) {
    const isLater = record.sinceSeq >= proposedSeq && record.untilSeq === null;
    if (isLater && record.member === member.name && !holds(keys, record.key)) keys.push(record.key);
  }
  if (keys.length > MAX_MEMBER_KEYS) refuse('key-limit', KEYS_RULE);
  return { ...member, keys };
}

function holds(keys: readonly Uint8Array[], key: Uint8Array): boolean {
  return keys.some((other) => equalBytes(other, key));
}

function checkKeyCount({ members }: Constitution, rule: string, more = 0): void {
  const got = members.reduce((sum, { keys }) => sum + keys.length, more);
  if (got > MAX_VILLAGE_KEYS)
    refuse('village-key-limit', rule, undefined, { limit: MAX_VILLAGE_KEYS, got });
}

// A key that was ever one member's never becomes another's, or one key could approve under two names. How many there
// are comes first, because each of the others costs arithmetic on the key.
function checkNewKeys(
  law: Constitution,
  known: HexMap<KeyRecord>,
  proposedSeq: number = Number.MAX_SAFE_INTEGER,
): void {
  checkKeyCount(law, KEYS_RULE);
  const owners = new Map<string, string>();
  for (const { name, keys } of law.members) {
    for (const key of keys) {
      const keyId = keyIdOf(key);
      const owner = known.get(keyId);
      if (owners.has(keyId) || (owner !== undefined && owner.member !== name))
        refuse('key-shared', KEYS_RULE, undefined, { member: name, key: keyId });
      owners.set(keyId, name);
      if (owner?.untilSeq != null && owner.untilSeq < proposedSeq)
        refuse('key-revoked', KEYS_RULE, undefined, { member: name, key: keyId });
      if (owner === undefined && !isAcceptableKey(key))
        refuse('key-weak', KEYS_RULE, undefined, { member: name, key: keyId });
    }
  }
}

function joinedAt(
  law: Constitution,
  before: ReadonlyMap<string, number>,
  seq: number,
): ReadonlyMap<string, number> {
  return new Map(law.members.map(({ name }) => [name, before.get(name) ?? seq]));
}

function recordKeys(law: Constitution, before: HexMap<KeyRecord>, seq: number): HexMap<KeyRecord> {
  const kept = new Set(law.members.flatMap(({ keys }) => keys.map(keyIdOf)));
  let keys = before;
  for (const [keyId, record] of before) {
    if (record.untilSeq === null && !kept.has(keyId))
      keys = keys.set(keyId, { ...record, untilSeq: seq });
  }
  for (const member of law.members) {
    for (const key of member.keys) {
      const keyId = keyIdOf(key);
      if (before.get(keyId) === undefined)
        keys = keys.set(keyId, { member: member.name, key, sinceSeq: seq, untilSeq: null });
    }
  }
  return keys;
}

/** The state in which `member` has `key` too, from behind `seq` on. */
export function addKey(
  state: VillageState,
  member: Member,
  key: Uint8Array,
  seq: number,
): VillageState {
  const keyId = keyIdOf(key);
  const owner = state.keys.get(keyId);
  const rule = 'village.key-rotate';
  if (owner !== undefined)
    refuse(
      owner.member === member.name && owner.untilSeq !== null ? 'key-revoked' : 'key-shared',
      rule,
    );
  if (member.keys.length >= MAX_MEMBER_KEYS) refuse('key-limit', rule);
  checkKeyCount(state.law, rule, 1);
  if (!isAcceptableKey(key)) refuse('key-weak', rule);
  const record = { member: member.name, key, sinceSeq: seq, untilSeq: null };
  return {
    ...state,
    law: withMember(state.law, { ...member, keys: [...member.keys, key] }),
    keys: state.keys.set(keyId, record),
  };
}

/** The record of a key that `member` has now. Refuses any other key. */
export function keyOfMember(state: VillageState, member: string, key: Uint8Array): KeyRecord {
  const rule = 'village.key-revoke';
  if (!state.joined.has(member)) refuse('member-unknown', rule);
  const record = state.keys.get(keyIdOf(key));
  if (record?.member !== member) return refuse('key-unknown', rule);
  if (record.untilSeq !== null) refuse('key-revoked', rule);
  return record;
}

/** The state in which the key is no good from behind `seq` on. */
export function dropKey(state: VillageState, record: KeyRecord, seq: number): VillageState {
  const members = state.law.members.map((member) =>
    member.name === record.member
      ? { ...member, keys: member.keys.filter((key) => !equalBytes(key, record.key)) }
      : member,
  );
  return {
    ...state,
    law: { ...state.law, members },
    keys: state.keys.set(keyIdOf(record.key), { ...record, untilSeq: seq }),
  };
}

function withMember(law: Constitution, changed: Member): Constitution {
  const members = law.members.map((member) => (member.name === changed.name ? changed : member));
  return { ...law, members };
}
