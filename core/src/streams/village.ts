// The reducer of `village/<id>` (spec/villages.md section 4).

import { formatHex } from '../bytes.ts';
import { sha256 } from '../sha256.ts';
import type {
  KeyRevoke,
  PolicyChange,
  PolicyDisable,
  PolicyRollback,
  VillageCreate,
} from '../statements/kinds/village.ts';
import type { Payload } from '../statements/kinds.ts';
import type { Statement } from '../statements/statement.ts';
import { hasRole } from './constitution-check.ts';
import type { Context } from './context.ts';
import { HexMap } from './hex-map.ts';
import { keyIdOf } from './key-facts.ts';
import { checkPosition, headOf, type Step, stranger } from './position.ts';
import { type Authority, type Outcome, refuse, settle } from './refusal.ts';
import { addKey, foundKeys } from './village-keys.ts';
import {
  effectOf,
  propose,
  type Result,
  revoke,
  supersede,
  type Turn,
} from './village-proposals.ts';
import { checkSpecSize, decideQuarantine } from './village-quarantine.ts';
import {
  type Change,
  countUse,
  memberNamed,
  NO_USAGE,
  type PolicyVersion,
  type Usage,
  type VillageState,
} from './village-state.ts';
import { vote } from './village-votes.ts';

/** The state of a village behind `step`; `state` is undefined before its first statement. */
export function reduceVillage(
  state: VillageState | undefined,
  step: Step,
  context: Context,
): Outcome<VillageState> {
  const { statement, payload } = step;
  const by = () => authorityOf(state, statement);
  return settle(by, () => {
    checkPosition(statement, state?.head);
    if (state !== undefined) return act(state, step, context);
    if (payload.kind === 'village-create') return create(statement, payload, context);
    return refuse('village-unknown', 'village.create', 'the first statement creates the village');
  });
}

function authorityOf(state: VillageState | undefined, { keyId }: Statement): Authority {
  const key = formatHex(keyId);
  const member = state?.keys.get(key)?.member ?? null;
  return { keyId: key, member, constitution: state?.constitution ?? null };
}

// Who may create villages at all is for the log to say; here, that the founder can amend what it founded.
function create(statement: Statement, payload: VillageCreate, context: Context): Result {
  const { name, constitution } = payload;
  const enacted = foundKeys(constitution);
  const keyId = formatHex(statement.keyId);
  const founder = constitution.members.find(({ keys }) => keys.map(keyIdOf).includes(keyId));
  if (founder === undefined) return refuse('author-not-member', 'constitution.members');
  const rule = 'constitution.rules.constitution.authors';
  if (!hasRole(founder, constitution.rules.constitution.authors)) refuse('author-lacks-role', rule);
  const { streamId } = statement;
  const inForce = { version: 1, seq: 0, index: context.index };
  const { usage } = countUse(NO_USAGE, founder.name, context.timeSeconds);
  const by = { ...stranger(statement), member: founder.name, constitution: inForce };
  return {
    state: {
      family: 'village',
      village: streamId.family === 'village' ? streamId.village : '',
      name,
      head: headOf(statement, context.index),
      constitution: inForce,
      ...enacted,
      policies: HexMap.of(),
      proposals: HexMap.of(),
      closed: [],
      decisions: HexMap.of(),
      usage,
    },
    effect: { by, rule, result: 'created', proposal: null, superseded: [] },
  };
}

function act(before: VillageState, { statement, payload }: Step, context: Context): Result {
  const turn = turnOf(before, statement, context);
  // Revoking is never rationed: a stolen key must not be able to use up what its owner needs to stop it.
  const usage = payload.kind === 'key-revoke' ? before.usage : spend(before, turn);
  const state = { ...before, head: headOf(statement, context.index), usage };
  return dispatch(state, turn, payload, context);
}

function turnOf(state: VillageState, statement: Statement, context: Context): Turn {
  const by = authorityOf(state, statement);
  const record = state.keys.get(by.keyId);
  if (record === undefined) return refuse('author-not-member', 'constitution.members');
  if (record.untilSeq !== null) {
    const detail = { member: record.member, since: record.untilSeq };
    const message = `the key is no good since seq ${record.untilSeq}`;
    refuse('key-revoked', 'constitution.members.keys', message, detail);
  }
  const member = memberNamed(state, record.member);
  if (member === undefined) return refuse('author-not-member', 'constitution.members');
  const { index, timeSeconds } = context;
  const { id, seq } = statement;
  return { id, name: formatHex(id), seq, index, timeSeconds, member, by };
}

function spend(state: VillageState, { member, timeSeconds }: Turn): Usage {
  const { usage, count } = countUse(state.usage, member.name, timeSeconds);
  const limit = state.law.limits.statementsPerDay;
  if (count > limit) {
    refuse('quota-exceeded', 'constitution.limits.statementsPerDay', undefined, { limit });
  }
  return usage;
}

function dispatch(state: VillageState, turn: Turn, payload: Payload, context: Context): Result {
  switch (payload.kind) {
    case 'policy-change':
    case 'policy-disable':
    case 'policy-rollback':
      return propose(state, turn, policyChange(state, turn, payload), payload.notBefore);
    case 'constitution-amend': {
      const { version, constitution } = payload;
      // What was public stays known, and what was promised to be private stays so.
      if (constitution.visibility !== state.law.visibility)
        refuse('visibility-fixed', 'constitution.visibility');
      const change: Change = { kind: 'constitution', version, constitution };
      return propose(state, turn, change, payload.notBefore);
    }
    case 'key-rotate':
      return {
        state: addKey(state, turn.member, payload.key, turn.seq),
        effect: effectOf(turn, 'village.key-rotate', 'key-added', null),
      };
    case 'key-revoke':
      return revokeKey(state, turn, payload);
    case 'approve':
    case 'reject':
    case 'withdraw':
    case 'activate':
      return vote(state, turn, payload);
    case 'quarantine-approve':
    case 'quarantine-reject':
      return decideQuarantine(state, turn, payload, context.inbox(state.village));
    default:
      return refuse('kind-out-of-place', `village.${payload.kind}`);
  }
}

function revokeKey(state: VillageState, turn: Turn, payload: KeyRevoke): Result {
  const { member, key } = payload;
  if (member !== turn.member.name)
    return propose(state, turn, { kind: 'revocation', member, key }, undefined);
  const next = revoke(state, payload, turn.seq);
  const effect = effectOf(turn, 'village.key-revoke', 'key-revoked', null);
  return supersede(next, { kind: 'revocation', member, key }, effect, turn.seq);
}

function policyChange(
  state: VillageState,
  turn: Turn,
  payload: PolicyChange | PolicyDisable | PolicyRollback,
): Change {
  const { policy, version } = payload;
  const change = { kind: 'policy', policy, version } as const;
  if (payload.kind === 'policy-change') {
    checkSpecSize(state, payload.spec.length);
    return { ...change, digest: sha256(payload.spec), source: turn.id };
  }
  const current = state.policies.get(policy) ?? refuse('policy-unknown', 'village.policies');
  if (payload.kind === 'policy-disable') {
    if (current.digest === null) refuse('policy-disabled', 'village.policies');
    return { ...change, digest: null, source: null };
  }
  const earlier = versionOf(current, payload.toVersion);
  if (earlier === null || earlier.digest === null) {
    const detail = { version: payload.toVersion };
    return refuse('version-without-spec', 'village.policies', undefined, detail);
  }
  return { ...change, digest: earlier.digest, source: earlier.source };
}

/** A version of a policy that is or was in force; null where there is none. */
export function versionOf(latest: PolicyVersion, version: number): PolicyVersion | null {
  let at: PolicyVersion | null = latest;
  while (at !== null && at.version > version) at = at.previous;
  return at?.version === version ? at : null;
}
