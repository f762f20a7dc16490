// What a node says about itself on its stream (spec/node-records.md section 3): what it applied and found, which hosts
// it serves, when an operator overrode it, and what it could not keep.

import { encodeCbor } from '../../cbor/encode.ts';
import type { CborValue } from '../../cbor/value.ts';
import { sha256 } from '../../sha256.ts';
import {
  RECORD_SEVERITIES,
  readCode,
  readHash,
  readHost,
  readName,
  readTimeMs,
  readTree,
  type VerifiedTree,
} from './node.ts';
import { badShape, readCount, readLine, readList, readMembers, readWord } from './shape.ts';
import { MAX_REASON_SIZE, readPolicy } from './village.ts';

/** The node put a verified state of its village in force. */
export interface StateApplied {
  readonly kind: 'state-applied';
  /** Position and id of the head of the village. */
  readonly villageSeq: number;
  readonly villageHead: Uint8Array;
  readonly checkpoint: VerifiedTree;
  /** `policiesDigest` of the policies in force. */
  readonly policies: Uint8Array;
  readonly timeMs: number;
}

/** A comparison of the node with the log. */
export interface DriftReport {
  readonly kind: 'drift-report';
  /** SHA-256 of the signed report. */
  readonly report: Uint8Array;
  /** Class of the reconciliation, such as `local-drift`. */
  readonly class: string;
  /** Exit code of the check. */
  readonly exit: number;
  readonly timeMs: number;
}

export const OVERRIDE_SCOPES = ['state-staleness', 'inventory-staleness'] as const;

/** An operator breaks the glass; it holds once this is durable. */
export interface PolicyOverride {
  readonly kind: 'policy-override';
  readonly scope: (typeof OVERRIDE_SCOPES)[number];
  /** null: for all policies. */
  readonly policy: string | null;
  readonly operator: string;
  readonly reason: string;
  readonly timeMs: number;
  /** End of the override in seconds since 1970. */
  readonly untilSeconds: number;
}

/** A dry run was made for a policy or a draft of one. */
export interface DryRun {
  readonly kind: 'dry-run';
  readonly policy: string;
  /** null for a draft. */
  readonly version: number | null;
  readonly ir: Uint8Array;
  /** Digest of the transcript. */
  readonly transcript: Uint8Array;
  readonly severity: (typeof RECORD_SEVERITIES)[number];
  readonly timeMs: number;
}

/** A host that the node serves. */
export interface NodeHost {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  /** Digest of the driver package; null where none is pinned. */
  readonly driver: Uint8Array | null;
  readonly types: readonly string[];
}

/** All hosts of the node from there on. */
export interface NodeHosts {
  readonly kind: 'node-hosts';
  readonly hosts: readonly NodeHost[];
}

/** The node had no room for records and says how many there would have been. */
export interface RecordsLost {
  readonly kind: 'records-lost';
  readonly count: number;
  readonly reason: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

export const MAX_HOSTS = 128;
export const MAX_HOST_NAME_SIZE = 64;
export const MAX_HOST_TYPES = 8;
export const MAX_OPERATOR_SIZE = 128;

const MAX_EXIT = 255;
const MAX_TIME_SECONDS = 253_402_300_799;

export function readStateApplied(value: CborValue): StateApplied {
  const names = ['villageSeq', 'villageHead', 'checkpoint', 'policies', 'timeMs'];
  const of = readMembers(value, 'payload', names);
  return {
    kind: 'state-applied',
    villageSeq: readCount(of('villageSeq'), 'villageSeq'),
    villageHead: readHash(of('villageHead'), 'villageHead'),
    checkpoint: readTree(of('checkpoint')),
    policies: readHash(of('policies'), 'policies'),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
  };
}

export function readDriftReport(value: CborValue): DriftReport {
  const of = readMembers(value, 'payload', ['report', 'class', 'exit', 'timeMs']);
  return {
    kind: 'drift-report',
    report: readHash(of('report'), 'report'),
    class: readCode(of('class'), 'class'),
    exit: readCount(of('exit'), 'exit', 0, MAX_EXIT),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
  };
}

export function readPolicyOverride(value: CborValue): PolicyOverride {
  const names = ['scope', 'policy', 'operator', 'reason', 'timeMs', 'untilSeconds'];
  const of = readMembers(value, 'payload', names);
  const policy = of('policy');
  return {
    kind: 'policy-override',
    scope: readWord(of('scope'), 'scope', OVERRIDE_SCOPES),
    policy: policy === null ? null : readPolicy(policy),
    operator: readLine(of('operator'), 'operator', 1, MAX_OPERATOR_SIZE),
    reason: readLine(of('reason'), 'reason', 1, MAX_REASON_SIZE),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
    untilSeconds: readCount(of('untilSeconds'), 'untilSeconds', 0, MAX_TIME_SECONDS),
  };
}

export function readDryRun(value: CborValue): DryRun {
  const names = ['policy', 'version', 'ir', 'transcript', 'severity', 'timeMs'];
  const of = readMembers(value, 'payload', names);
  const version = of('version');
  return {
    kind: 'dry-run',
    policy: readPolicy(of('policy')),
    version: version === null ? null : readCount(version, 'version', 1),
    ir: readHash(of('ir'), 'ir'),
    transcript: readHash(of('transcript'), 'transcript'),
    severity: readWord(of('severity'), 'severity', RECORD_SEVERITIES),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
  };
}

export function readNodeHosts(value: CborValue): NodeHosts {
  const of = readMembers(value, 'payload', ['hosts']);
  const hosts = readList(of('hosts'), 'hosts', [0, MAX_HOSTS], readNodeHost);
  if (new Set(hosts.map(({ id }) => id)).size !== hosts.length)
    badShape('hosts lists a host twice');
  return { kind: 'node-hosts', hosts };
}

function readNodeHost(value: CborValue, field: string): NodeHost {
  const of = readMembers(value, field, ['id', 'name', 'driver', 'types']);
  const driver = of('driver');
  return {
    id: readHost(of('id'), `${field}.id`),
    name: readLine(of('name'), `${field}.name`, 1, MAX_HOST_NAME_SIZE),
    driver: driver === null ? null : readHash(driver, `${field}.driver`),
    types: readList(of('types'), `${field}.types`, [0, MAX_HOST_TYPES], readName),
  };
}

export function readRecordsLost(value: CborValue): RecordsLost {
  const of = readMembers(value, 'payload', ['count', 'reason', 'firstMs', 'lastMs']);
  const firstMs = readTimeMs(of('firstMs'), 'firstMs');
  const lastMs = readTimeMs(of('lastMs'), 'lastMs');
  if (lastMs < firstMs) badShape('lastMs must not be before firstMs');
  return {
    kind: 'records-lost',
    count: readCount(of('count'), 'count', 1),
    reason: readCode(of('reason'), 'reason'),
    firstMs,
    lastMs,
  };
}

/** A policy that is in force. */
export interface PolicyInForce {
  /** UUID. */
  readonly policy: string;
  readonly version: number;
  /** SHA-256 of the Policy Spec; null where the policy is off. */
  readonly digest: Uint8Array | null;
}

/** What `state-applied` says of policies: SHA-256 of `[[UUID, version, digest]]` in the order of the UUIDs. */
export function policiesDigest(policies: Iterable<PolicyInForce>): Uint8Array {
  const rows = [...policies].sort((a, b) => (a.policy < b.policy ? -1 : 1));
  return sha256(encodeCbor(rows.map(({ policy, version, digest }) => [policy, version, digest])));
}
