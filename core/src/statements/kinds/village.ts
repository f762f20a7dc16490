// Statements on the streams of villages and their inboxes (spec/villages.md section 4).

import { type CborEntry, CborMap, type CborValue } from '../../cbor/value.ts';
import { ED25519_KEY_SIZE } from '../../ed25519.ts';
import { isLogError } from '../../errors.ts';
import { HASH_SIZE } from '../../sha256.ts';
import {
  type Constitution,
  constitutionValue,
  readConstitution,
  readMemberName,
} from './constitution.ts';
import { parsePolicySpec } from './policy-spec.ts';
import { badShape, readBytes, readCount, readLine, readMembers, readText } from './shape.ts';

/** The earliest point at which a proposal may be activated; one of both at least. */
export interface NotBefore {
  /** By the time of the state root before the activation, in seconds since 1970. */
  readonly timeSeconds: number | null;
  /** By the leaf index of the activation. */
  readonly index: number | null;
}

interface Deferrable {
  readonly notBefore?: NotBefore;
}

/** Proposes a new version of a policy. */
export interface PolicyChange extends Deferrable {
  readonly kind: 'policy-change';
  /** The policy's UUID in lower case. */
  readonly policy: string;
  readonly version: number;
  /** The Policy Spec as canonical JSON (RFC 8785). */
  readonly spec: Uint8Array;
}

/** Proposes that `version` of a policy is that it is switched off. */
export interface PolicyDisable extends Deferrable {
  readonly kind: 'policy-disable';
  readonly policy: string;
  readonly version: number;
  readonly reason: string;
}

/** Proposes that `version` of a policy has the spec of `toVersion` again. */
export interface PolicyRollback extends Deferrable {
  readonly kind: 'policy-rollback';
  readonly policy: string;
  readonly version: number;
  readonly toVersion: number;
  readonly reason: string;
}

/** The first statement of a village. */
export interface VillageCreate {
  readonly kind: 'village-create';
  readonly name: string;
  readonly constitution: Constitution;
}

/** Proposes `version` of the constitution. */
export interface ConstitutionAmend extends Deferrable {
  readonly kind: 'constitution-amend';
  readonly version: number;
  readonly constitution: Constitution;
  readonly reason: string;
}

/** The author takes another key beside those it has. */
export interface KeyRotate {
  readonly kind: 'key-rotate';
  readonly key: Uint8Array;
}

/** Takes a key from a member: at once from the author itself, as a proposal from another one. */
export interface KeyRevoke {
  readonly kind: 'key-revoke';
  readonly member: string;
  readonly key: Uint8Array;
  readonly reason: string;
}

export const VOTE_KINDS = ['approve', 'reject', 'withdraw', 'activate'] as const;

/** What a member says about an open proposal. */
export interface Vote {
  readonly kind: (typeof VOTE_KINDS)[number];
  /** Id of the statement that proposed. */
  readonly proposal: Uint8Array;
}

export const QUARANTINE_KINDS = ['quarantine-approve', 'quarantine-reject'] as const;

/** What a member says about a proposal in the inbox. */
export interface QuarantineVote {
  readonly kind: (typeof QUARANTINE_KINDS)[number];
  /** Id of the statement in the inbox. */
  readonly proposal: Uint8Array;
  /** SHA-256 of the Policy Spec in it, which the member has seen. */
  readonly digest: Uint8Array;
}

/** Longest reason and longest village name in bytes of UTF-8. */
export const MAX_REASON_SIZE = 1024;
export const MAX_VILLAGE_NAME_SIZE = 128;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NOT_BEFORE = ['notBefore'];

export function readPolicyChange(value: CborValue): PolicyChange {
  const of = readMembers(value, 'payload', ['policy', 'version', 'spec'], NOT_BEFORE);
  const spec = readBytes(of('spec'), 'spec');
  checkSpec(spec);
  return {
    kind: 'policy-change',
    policy: readPolicy(of('policy')),
    version: readCount(of('version'), 'version'),
    spec,
    ...readNotBefore(of('notBefore')),
  };
}

export function readPolicyDisable(value: CborValue): PolicyDisable {
  const of = readMembers(value, 'payload', ['policy', 'version', 'reason'], NOT_BEFORE);
  return {
    kind: 'policy-disable',
    policy: readPolicy(of('policy')),
    version: readCount(of('version'), 'version'),
    reason: readReason(of('reason')),
    ...readNotBefore(of('notBefore')),
  };
}

export function readPolicyRollback(value: CborValue): PolicyRollback {
  const names = ['policy', 'version', 'toVersion', 'reason'];
  const of = readMembers(value, 'payload', names, NOT_BEFORE);
  return {
    kind: 'policy-rollback',
    policy: readPolicy(of('policy')),
    version: readCount(of('version'), 'version'),
    toVersion: readCount(of('toVersion'), 'toVersion', 1),
    reason: readReason(of('reason')),
    ...readNotBefore(of('notBefore')),
  };
}

export function readVillageCreate(value: CborValue): VillageCreate {
  const of = readMembers(value, 'payload', ['name', 'constitution']);
  return {
    kind: 'village-create',
    name: readLine(of('name'), 'name', 1, MAX_VILLAGE_NAME_SIZE),
    constitution: readConstitution(of('constitution'), 'constitution'),
  };
}

export function readConstitutionAmend(value: CborValue): ConstitutionAmend {
  const of = readMembers(value, 'payload', ['version', 'constitution', 'reason'], NOT_BEFORE);
  return {
    kind: 'constitution-amend',
    version: readCount(of('version'), 'version'),
    constitution: readConstitution(of('constitution'), 'constitution'),
    reason: readReason(of('reason')),
    ...readNotBefore(of('notBefore')),
  };
}

export function readKeyRotate(value: CborValue): KeyRotate {
  const of = readMembers(value, 'payload', ['key']);
  return { kind: 'key-rotate', key: readBytes(of('key'), 'key', ED25519_KEY_SIZE) };
}

export function readKeyRevoke(value: CborValue): KeyRevoke {
  const of = readMembers(value, 'payload', ['member', 'key', 'reason']);
  return {
    kind: 'key-revoke',
    member: readMemberName(of('member'), 'member'),
    key: readBytes(of('key'), 'key', ED25519_KEY_SIZE),
    reason: readReason(of('reason')),
  };
}

/** The reader of a kind that names a proposal and nothing else. */
export function readVote(kind: Vote['kind']): (value: CborValue) => Vote {
  return (value) => {
    const of = readMembers(value, 'payload', ['proposal']);
    return { kind, proposal: readBytes(of('proposal'), 'proposal', HASH_SIZE) };
  };
}

export function readQuarantineVote(
  kind: QuarantineVote['kind'],
): (value: CborValue) => QuarantineVote {
  return (value) => {
    const of = readMembers(value, 'payload', ['proposal', 'digest']);
    return {
      kind,
      proposal: readBytes(of('proposal'), 'proposal', HASH_SIZE),
      digest: readBytes(of('digest'), 'digest', HASH_SIZE),
    };
  };
}

/** A payload of these kinds as a CBOR value: its members under their names. */
export function villageValue(
  payload:
    | PolicyChange
    | PolicyDisable
    | PolicyRollback
    | VillageCreate
    | ConstitutionAmend
    | KeyRotate
    | KeyRevoke
    | Vote
    | QuarantineVote,
): CborMap {
  const entries: CborEntry[] = [];
  for (const [name, value] of Object.entries({ ...payload })) {
    if (name === 'notBefore') {
      if ('notBefore' in payload && payload.notBefore !== undefined)
        entries.push([name, notBeforeValue(payload.notBefore)]);
    } else if (name === 'constitution') {
      if ('constitution' in payload) entries.push([name, constitutionValue(payload.constitution)]);
    } else if (name !== 'kind') entries.push([name, value]);
  }
  return new CborMap(entries);
}

/** What `readNotBefore` reads. */
export function notBeforeValue({ timeSeconds, index }: NotBefore): CborMap {
  const entries: CborEntry[] = [];
  if (timeSeconds !== null) entries.push(['time', timeSeconds]);
  if (index !== null) entries.push(['index', index]);
  return new CborMap(entries);
}

function readNotBefore(value: CborValue): Deferrable {
  if (value === null) return {};
  const of = readMembers(value, 'notBefore', [], ['time', 'index']);
  const time = of('time');
  const index = of('index');
  if (time === null && index === null) badShape('notBefore must have a time, an index or both');
  return {
    notBefore: {
      timeSeconds: time === null ? null : readCount(time, 'notBefore.time'),
      index: index === null ? null : readCount(index, 'notBefore.index'),
    },
  };
}

/** The UUID of a policy. Throws ShapeError. */
export function readPolicy(value: CborValue): string {
  return readText(value, 'policy', UUID, 'a lower-case UUID');
}

function readReason(value: CborValue): string {
  return readLine(value, 'reason', 0, MAX_REASON_SIZE);
}

function checkSpec(spec: Uint8Array): void {
  try {
    parsePolicySpec(spec);
  } catch (error) {
    if (isLogError(error, 'json-malformed')) badShape(`spec: ${error.message}`, error);
    throw error;
  }
}
