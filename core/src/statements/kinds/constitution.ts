// The constitution of a village as a payload carries it (spec/villages.md section 3): shape and sizes. Whether
// its rules can be met at all is for streams/constitution-check.ts.

import { type CborEntry, CborMap, type CborValue } from '../../cbor/value.ts';
import { ED25519_KEY_SIZE } from '../../ed25519.ts';
import {
  badShape,
  readBytes,
  readCount,
  readFlag,
  readList,
  readMembers,
  readText,
  readWord,
} from './shape.ts';

export const MAX_MEMBERS = 64;
/** Most keys that one member may hold at a time. */
export const MAX_MEMBER_KEYS = 16;
/** Most keys that the members of one village may hold together at a time. Each new one costs a check of the curve. */
export const MAX_VILLAGE_KEYS = 128;
/** Most different roles in one constitution. */
export const MAX_ROLES = 32;
export const MAX_WEIGHT = 1_000_000;
/** Most proposals of one author that may be open at a time. */
export const MAX_OPEN_PROPOSALS = 16;
export const MAX_STATEMENTS_PER_DAY = 1_000_000;
export const MAX_REQUESTS_PER_MINUTE = 1_000_000;
/** Largest Policy Spec that a constitution can allow, in bytes: what fits in a statement. */
export const MAX_SPEC_BYTES = 64_000;
/** Longest life of a proposal, a year of 366 days in seconds. */
export const MAX_EXPIRY_SECONDS = 31_622_400;

const MEMBER = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/;
const ROLE = /^[a-z][a-z0-9-]{0,31}$/;

/** What it takes until approvals suffice. Each principal counts once, however many keys it has. */
export type Quorum =
  | { readonly kind: 'count'; readonly k: number }
  | { readonly kind: 'weight'; readonly threshold: number }
  | { readonly kind: 'roles'; readonly roles: ReadonlyMap<string, number> };

export interface Member {
  readonly name: string;
  readonly roles: readonly string[];
  /** Counts where a quorum is weighted. */
  readonly weight: number;
  /** Ed25519 public keys of 32 bytes. */
  readonly keys: readonly Uint8Array[];
}

/** How changes of one class come about. */
export interface Rule {
  /** Roles that may propose and activate. */
  readonly authors: readonly string[];
  /** Roles whose approvals count. */
  readonly approvers: readonly string[];
  readonly quorum: Quorum;
  /** Life of a proposal, from the time of the state root before it; null: it stays open. */
  readonly expiresAfterSeconds: number | null;
  /** Whether a proposal may ask not to be activated before a time or a position. */
  readonly notBefore: boolean;
}

/** The classes of changes that have a rule each. */
export const CHANGE_CLASSES = ['policy', 'constitution', 'members'] as const;
export type ChangeClass = (typeof CHANGE_CLASSES)[number];

export interface Limits {
  /** Statements of one member in one day of log time. */
  readonly statementsPerDay: number;
  /** Open proposals of one member. */
  readonly proposalsOpen: number;
  readonly specBytes: number;
  /** Submissions to a stream of the village, and reads of the village, that a server answers in one minute. */
  readonly requestsPerMinute: number;
}

/** What outsiders may lay before the village, and who takes it up. */
export interface Quarantine {
  readonly approvers: readonly string[];
  readonly quorum: Quorum;
  readonly expiresAfterSeconds: number;
  /** Open proposals in the inbox, of all authors together. */
  readonly proposalsOpen: number;
  /** Statements of one key in one day of log time. */
  readonly statementsPerDay: number;
}

export const STALENESS_MODES = ['keep-last-good', 'fail-closed', 'freeze'] as const;
export const VISIBILITIES = ['public', 'private'] as const;

export interface Constitution {
  readonly members: readonly Member[];
  readonly rules: Readonly<Record<ChangeClass, Rule>>;
  readonly limits: Limits;
  /** null: outsiders may not propose. */
  readonly quarantine: Quarantine | null;
  /** What nodes do when they cannot learn the state of the village any more. */
  readonly staleness: {
    readonly mode: (typeof STALENESS_MODES)[number];
    readonly maxSeconds: number;
  };
  readonly visibility: (typeof VISIBILITIES)[number];
  /** Whether the log writes refusals to `audit/<village>`. */
  readonly recordDenials: boolean;
}

const MEMBERS_OF_CONSTITUTION = [
  'members',
  'rules',
  'limits',
  'quarantine',
  'staleness',
  'visibility',
  'recordDenials',
] as const;

/** Reads a constitution. Throws ShapeError with the path of the field. */
export function readConstitution(value: CborValue, field: string): Constitution {
  const of = readMembers(value, field, MEMBERS_OF_CONSTITUTION);
  const members = readList(of('members'), `${field}.members`, [1, MAX_MEMBERS], readMember);
  const roles = new Set(members.flatMap((member) => member.roles));
  if (roles.size > MAX_ROLES) badShape(`${field}.members have more than ${MAX_ROLES} roles`);
  return {
    members,
    rules: readRules(of('rules'), `${field}.rules`),
    limits: readLimits(of('limits'), `${field}.limits`),
    quarantine:
      of('quarantine') === null ? null : readQuarantine(of('quarantine'), `${field}.quarantine`),
    staleness: readStaleness(of('staleness'), `${field}.staleness`),
    visibility: readWord(of('visibility'), `${field}.visibility`, VISIBILITIES),
    recordDenials: readFlag(of('recordDenials'), `${field}.recordDenials`),
  };
}

/** The name of a member. Throws ShapeError. */
export function readMemberName(value: CborValue, field: string): string {
  return readText(value, field, MEMBER, '1 to 64 of a-z A-Z 0-9 . _ @ -');
}

/** The name of a role. Throws ShapeError. */
export function readRole(value: CborValue, field: string): string {
  return readText(value, field, ROLE, '1 to 32 of a-z 0-9 -');
}

function readMember(value: CborValue, field: string): Member {
  const of = readMembers(value, field, ['name', 'roles', 'weight', 'keys']);
  return {
    name: readMemberName(of('name'), `${field}.name`),
    roles: readRoles(of('roles'), `${field}.roles`, 0),
    weight: readCount(of('weight'), `${field}.weight`, 0, MAX_WEIGHT),
    keys: readList(of('keys'), `${field}.keys`, [0, MAX_MEMBER_KEYS], (key, at) =>
      readBytes(key, at, ED25519_KEY_SIZE),
    ),
  };
}

function readRoles(value: CborValue, field: string, least: number): readonly string[] {
  const roles = readList(value, field, [least, MAX_ROLES], readRole);
  if (new Set(roles).size !== roles.length) badShape(`${field} names a role twice`);
  return roles;
}

function readRules(value: CborValue, field: string): Constitution['rules'] {
  const of = readMembers(value, field, CHANGE_CLASSES);
  return {
    policy: readRule(of('policy'), `${field}.policy`),
    constitution: readRule(of('constitution'), `${field}.constitution`),
    members: readRule(of('members'), `${field}.members`),
  };
}

function readRule(value: CborValue, field: string): Rule {
  const names = ['authors', 'approvers', 'quorum', 'expiresAfterSeconds', 'notBefore'];
  const of = readMembers(value, field, names);
  const expiry = of('expiresAfterSeconds');
  return {
    authors: readRoles(of('authors'), `${field}.authors`, 1),
    approvers: readRoles(of('approvers'), `${field}.approvers`, 1),
    quorum: readQuorum(of('quorum'), `${field}.quorum`),
    expiresAfterSeconds:
      expiry === null
        ? null
        : readCount(expiry, `${field}.expiresAfterSeconds`, 1, MAX_EXPIRY_SECONDS),
    notBefore: readFlag(of('notBefore'), `${field}.notBefore`),
  };
}

function readQuorum(value: CborValue, field: string): Quorum {
  const kinds = ['count', 'weight', 'roles'] as const;
  const kind = readWord(kindOf(value), `${field}.kind`, kinds);
  if (kind === 'count') {
    const of = readMembers(value, field, ['kind', 'k']);
    return { kind, k: readCount(of('k'), `${field}.k`, 1) };
  }
  if (kind === 'weight') {
    const of = readMembers(value, field, ['kind', 'threshold']);
    return { kind, threshold: readCount(of('threshold'), `${field}.threshold`, 1) };
  }
  const of = readMembers(value, field, ['kind', 'roles']);
  return { kind, roles: readRoleCounts(of('roles'), `${field}.roles`) };
}

function kindOf(value: CborValue): CborValue {
  return value instanceof CborMap ? (value.get('kind') ?? null) : null;
}

function readRoleCounts(value: CborValue, field: string): ReadonlyMap<string, number> {
  if (!(value instanceof CborMap)) badShape(`${field} must be a map of roles and counts`);
  const { entries } = value;
  if (entries.length === 0 || entries.length > MAX_ROLES)
    badShape(`${field} must have 1 to ${MAX_ROLES} roles`);
  return new Map(
    entries.map(([role, count]) => [readRole(role, field), readCount(count, field, 1)]),
  );
}

function readLimits(value: CborValue, field: string): Limits {
  const names = ['statementsPerDay', 'proposalsOpen', 'specBytes', 'requestsPerMinute'];
  const of = readMembers(value, field, names);
  const perDay = `${field}.statementsPerDay`;
  const perMinute = `${field}.requestsPerMinute`;
  return {
    statementsPerDay: readCount(of('statementsPerDay'), perDay, 1, MAX_STATEMENTS_PER_DAY),
    proposalsOpen: readCount(of('proposalsOpen'), `${field}.proposalsOpen`, 1, MAX_OPEN_PROPOSALS),
    specBytes: readCount(of('specBytes'), `${field}.specBytes`, 1, MAX_SPEC_BYTES),
    requestsPerMinute: readCount(of('requestsPerMinute'), perMinute, 1, MAX_REQUESTS_PER_MINUTE),
  };
}

function readQuarantine(value: CborValue, field: string): Quarantine {
  const of = readMembers(value, field, [
    'approvers',
    'quorum',
    'expiresAfterSeconds',
    'proposalsOpen',
    'statementsPerDay',
  ]);
  const perDay = `${field}.statementsPerDay`;
  return {
    approvers: readRoles(of('approvers'), `${field}.approvers`, 1),
    quorum: readQuorum(of('quorum'), `${field}.quorum`),
    expiresAfterSeconds: readCount(
      of('expiresAfterSeconds'),
      `${field}.expiresAfterSeconds`,
      1,
      MAX_EXPIRY_SECONDS,
    ),
    proposalsOpen: readCount(of('proposalsOpen'), `${field}.proposalsOpen`, 1, MAX_OPEN_INBOX),
    statementsPerDay: readCount(of('statementsPerDay'), perDay, 1, MAX_STATEMENTS_PER_DAY),
  };
}

/** Most open proposals in the inbox of a village. */
export const MAX_OPEN_INBOX = 1024;

function readStaleness(value: CborValue, field: string): Constitution['staleness'] {
  const of = readMembers(value, field, ['mode', 'maxSeconds']);
  return {
    mode: readWord(of('mode'), `${field}.mode`, STALENESS_MODES),
    maxSeconds: readCount(of('maxSeconds'), `${field}.maxSeconds`, 1, MAX_EXPIRY_SECONDS),
  };
}

/** The value that `readConstitution` reads back. */
export function constitutionValue(constitution: Constitution): CborMap {
  const { rules, quarantine } = constitution;
  return new CborMap([
    ['members', constitution.members.map(memberValue)],
    ['rules', new CborMap(CHANGE_CLASSES.map((name) => [name, ruleValue(rules[name])]))],
    ['limits', new CborMap(Object.entries(constitution.limits))],
    ['quarantine', quarantine === null ? null : quarantineValue(quarantine)],
    ['staleness', new CborMap(Object.entries(constitution.staleness))],
    ['visibility', constitution.visibility],
    ['recordDenials', constitution.recordDenials],
  ]);
}

function memberValue({ name, roles, weight, keys }: Member): CborMap {
  const entries: CborEntry[] = [
    ['name', name],
    ['roles', roles],
    ['weight', weight],
    ['keys', keys],
  ];
  return new CborMap(entries);
}

function ruleValue(rule: Rule): CborMap {
  return new CborMap([
    ['authors', rule.authors],
    ['approvers', rule.approvers],
    ['quorum', quorumValue(rule.quorum)],
    ['expiresAfterSeconds', rule.expiresAfterSeconds],
    ['notBefore', rule.notBefore],
  ]);
}

function quarantineValue(quarantine: Quarantine): CborMap {
  return new CborMap([
    ['approvers', quarantine.approvers],
    ['quorum', quorumValue(quarantine.quorum)],
    ['expiresAfterSeconds', quarantine.expiresAfterSeconds],
    ['proposalsOpen', quarantine.proposalsOpen],
    ['statementsPerDay', quarantine.statementsPerDay],
  ]);
}

function quorumValue(quorum: Quorum): CborMap {
  if (quorum.kind === 'roles') {
    return new CborMap([
      ['kind', quorum.kind],
      ['roles', new CborMap([...quorum.roles])],
    ]);
  }
  return new CborMap(Object.entries(quorum));
}
