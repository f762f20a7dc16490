// The state of a village as a CBOR value, and back.

import { formatHex } from '../bytes.ts';
import { CborMap, type CborValue } from '../cbor/value.ts';
import { constitutionValue, readConstitution } from '../statements/kinds/constitution.ts';
import {
  badShape,
  readBytes,
  readCount,
  readMembers,
  readText,
  readWord,
} from '../statements/kinds/shape.ts';
import { readPolicy } from '../statements/kinds/village.ts';
import { HexMap } from './hex-map.ts';
import type { ConstitutionRef } from './refusal.ts';
import {
  hashOf,
  headValue,
  inHex,
  orNull,
  readHead,
  readItems,
  readTuple,
  readUsage,
  usageValue,
} from './state-parts.ts';
import {
  type Ballot,
  type Change,
  type ClosedProposal,
  type Decision,
  type KeyRecord,
  type PolicyVersion,
  PROPOSAL_ENDS,
  type Proposal,
  type VillageState,
} from './village-state.ts';

const MEMBERS = [
  'family',
  'village',
  'name',
  'head',
  'constitution',
  'law',
  'joined',
  'keys',
  'policies',
  'proposals',
  'closed',
  'decisions',
  'usage',
] as const;

const ANY_TEXT = /^/;
const ENDS = ['open', 'taken-up', 'rejected'] as const;

export function villageStateValue(state: VillageState): CborMap {
  const { version, seq, index } = state.constitution;
  return new CborMap([
    ['family', state.family],
    ['village', state.village],
    ['name', state.name],
    ['head', headValue(state.head)],
    ['constitution', [version, seq, index]],
    ['law', constitutionValue(state.law)],
    ['joined', [...state.joined].sort(([a], [b]) => (a < b ? -1 : 1))],
    ['keys', [...state.keys].map(keyValue)],
    ['policies', [...state.policies].map(([policy, latest]) => [policy, versionsValue(latest)])],
    ['proposals', [...state.proposals.values()].map(proposalValue)],
    ['closed', state.closed.map(({ id, end, seq: at }) => [inHex(id), end, at])],
    ['decisions', [...state.decisions].map(([id, decision]) => decisionValue(id, decision))],
    ['usage', usageValue(state.usage)],
  ]);
}

/** Throws ShapeError. */
export function readVillageState(value: CborValue): VillageState {
  const of = readMembers(value, 'state', MEMBERS);
  const keys = readItems(of('keys'), 'keys', 5, readKey);
  const policies = readItems(of('policies'), 'policies', 2, readVersions);
  const proposals = readItems(of('proposals'), 'proposals', 8, readProposal);
  return {
    family: 'village',
    village: readText(of('village'), 'village', ANY_TEXT, 'text'),
    name: readText(of('name'), 'name', ANY_TEXT, 'text'),
    head: readHead(of('head')),
    constitution: readRef(of('constitution')),
    law: readConstitution(of('law'), 'law'),
    joined: new Map(readItems(of('joined'), 'joined', 2, readPair)),
    keys: HexMap.of(keys),
    policies: HexMap.of(policies),
    proposals: HexMap.of(proposals.map((proposal) => [proposal.id, proposal])),
    closed: readItems(of('closed'), 'closed', 3, readClosed),
    decisions: HexMap.of(readItems(of('decisions'), 'decisions', 4, readDecision)),
    usage: readUsage(of('usage')),
  };
}

function readRef(value: CborValue): ConstitutionRef {
  const of = readTuple(value, 'constitution', 3);
  return {
    version: readCount(of(0), 'constitution.version'),
    seq: readCount(of(1), 'constitution.seq'),
    index: readCount(of(2), 'constitution.index'),
  };
}

function readPair(of: (i: number) => CborValue, field: string): readonly [string, number] {
  return [readText(of(0), field, ANY_TEXT, 'text'), readCount(of(1), field)];
}

// The key id follows from the key, but costs a hash each to find again.
function keyValue([keyId, record]: readonly [string, KeyRecord]): CborValue {
  const { member, key, sinceSeq, untilSeq } = record;
  return [inHex(keyId), member, key, sinceSeq, untilSeq];
}

function readKey(of: (i: number) => CborValue, field: string): readonly [string, KeyRecord] {
  const record: KeyRecord = {
    member: readText(of(1), field, ANY_TEXT, 'text'),
    key: hashOf(of(2), field),
    sinceSeq: readCount(of(3), field),
    untilSeq: orNull(of(4), field, readCount),
  };
  return [formatHex(hashOf(of(0), field)), record];
}

// Oldest first.
function versionsValue(latest: PolicyVersion): CborValue {
  const versions: CborValue[] = [];
  for (let at: PolicyVersion | null = latest; at !== null; at = at.previous) {
    const { version, digest, source, seq, index, timeSeconds } = at;
    versions.push([version, digest, source, seq, index, timeSeconds]);
  }
  return versions.reverse();
}

function readVersions(
  of: (i: number) => CborValue,
  field: string,
): readonly [string, PolicyVersion] {
  let latest: PolicyVersion | null = null;
  for (const version of readItems(of(1), field, 6, readVersion))
    latest = { ...version, previous: latest };
  if (latest === null) badShape(`${field} has no version`);
  return [readPolicy(of(0)), latest];
}

function readVersion(of: (i: number) => CborValue, field: string): Omit<PolicyVersion, 'previous'> {
  return {
    version: readCount(of(0), field),
    digest: orNull(of(1), field, hashOf),
    source: orNull(of(2), field, hashOf),
    seq: readCount(of(3), field),
    index: readCount(of(4), field),
    timeSeconds: readCount(of(5), field),
  };
}

function proposalValue(proposal: Proposal): CborValue {
  const { id, seq, author, expiresAtSeconds, notBefore, change, approvals, rejections } = proposal;
  return [
    inHex(id),
    seq,
    author,
    expiresAtSeconds,
    notBefore === null ? null : [notBefore.timeSeconds, notBefore.index],
    changeValue(change),
    ballotsValue(approvals),
    ballotsValue(rejections),
  ];
}

function readProposal(of: (i: number) => CborValue, field: string): Proposal {
  return {
    id: formatHex(hashOf(of(0), `${field}.id`)),
    seq: readCount(of(1), `${field}.seq`),
    author: orNull(of(2), field, (value) => readText(value, field, ANY_TEXT, 'text')),
    expiresAtSeconds: orNull(of(3), field, readCount),
    notBefore: orNull(of(4), field, readNotBefore),
    change: readChange(of(5), `${field}.change`),
    approvals: readBallots(of(6), `${field}.approvals`),
    rejections: readBallots(of(7), `${field}.rejections`),
  };
}

function readNotBefore(value: CborValue, field: string): NonNullable<Proposal['notBefore']> {
  const of = readTuple(value, field, 2);
  return {
    timeSeconds: orNull(of(0), field, readCount),
    index: orNull(of(1), field, readCount),
  };
}

function changeValue(change: Change): CborValue {
  switch (change.kind) {
    case 'policy':
      return [change.kind, change.policy, change.version, change.digest, change.source];
    case 'constitution':
      return [change.kind, change.version, constitutionValue(change.constitution)];
    case 'revocation':
      return [change.kind, change.member, change.key];
  }
}

function readChange(value: CborValue, field: string): Change {
  const first: CborValue = Array.isArray(value) ? value[0] : null;
  const kind = readWord(first, field, ['policy', 'constitution', 'revocation'] as const);
  const of = readTuple(value, field, kind === 'policy' ? 5 : 3);
  switch (kind) {
    case 'policy':
      return {
        kind,
        policy: readPolicy(of(1)),
        version: readCount(of(2), field),
        digest: orNull(of(3), field, hashOf),
        source: orNull(of(4), field, hashOf),
      };
    case 'constitution':
      return {
        kind,
        version: readCount(of(1), field),
        constitution: readConstitution(of(2), field),
      };
    case 'revocation':
      return {
        kind,
        member: readText(of(1), field, ANY_TEXT, 'text'),
        key: readBytes(of(2), field, 32),
      };
  }
}

function ballotsValue(ballots: readonly Ballot[]): CborValue {
  return ballots.map(({ member, seq }) => [member, seq]);
}

function readBallots(value: CborValue, field: string): readonly Ballot[] {
  return readItems(value, field, 2, readPair).map(([member, seq]) => ({ member, seq }));
}

function readClosed(of: (i: number) => CborValue, field: string): ClosedProposal {
  return {
    id: formatHex(hashOf(of(0), field)),
    end: readWord(of(1), field, PROPOSAL_ENDS),
    seq: readCount(of(2), field),
  };
}

function decisionValue(id: string, { end, approvals, expiresAtSeconds }: Decision): CborValue {
  return [inHex(id), end, ballotsValue(approvals), expiresAtSeconds];
}

function readDecision(of: (i: number) => CborValue, field: string): readonly [string, Decision] {
  const decision: Decision = {
    end: readWord(of(1), field, ENDS),
    approvals: readBallots(of(2), field),
    expiresAtSeconds: readCount(of(3), field),
  };
  return [formatHex(hashOf(of(0), field)), decision];
}
