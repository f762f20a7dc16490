// From proposal to activation (spec/villages.md section 6): one way for policies, constitutions and revocations.

import { equalBytes } from '../bytes.ts';
import type { ChangeClass, Member, Rule } from '../statements/kinds/constitution.ts';
import type { NotBefore } from '../statements/kinds/village.ts';
import {
  checkRule,
  classOf,
  countingVoters,
  hasRole,
  meetsQuorum,
  ruleOf,
} from './constitution-check.ts';
import { type Authority, type Effect, refuse } from './refusal.ts';
import { dropKey, enactKeys, keyOfMember } from './village-keys.ts';
import {
  type Change,
  type ClosedProposal,
  isExpired,
  MAX_CLOSED,
  type Proposal,
  type VillageState,
} from './village-state.ts';

/** The statement that is being reduced, and where and when. */
export interface Turn {
  /** Its id, and that in hexadecimal. */
  readonly id: Uint8Array;
  readonly name: string;
  readonly seq: number;
  /** Leaf index. */
  readonly index: number;
  readonly timeSeconds: number;
  readonly member: Member;
  readonly by: Authority;
}

/** State and effect of an admitted statement. */
export interface Result {
  readonly state: VillageState;
  readonly effect: Effect;
}

/** Opens a proposal of the member whose turn it is, which is its first approval where the member may approve. */
export function propose(
  state: VillageState,
  turn: Turn,
  change: Change,
  notBefore: NotBefore | undefined,
): Result {
  const changeClass = classOf(state.law, change);
  const rule = state.law.rules[changeClass];
  const { member, seq } = turn;
  checkRole(member, rule.authors, `${ruleOf(changeClass)}.authors`);
  const expiresAtSeconds = expiryOf(rule, turn.timeSeconds);
  if (notBefore !== undefined)
    checkDeferral(rule, ruleOf(changeClass), notBefore, expiresAtSeconds);
  const proposal: Proposal = {
    id: turn.name,
    seq,
    author: member.name,
    expiresAtSeconds,
    notBefore: notBefore ?? null,
    change,
    approvals: hasRole(member, rule.approvers) ? [{ member: member.name, seq }] : [],
    rejections: [],
  };
  if (mayActivate(state, proposal, changeClass, turn)) return activateNow(state, proposal, turn);
  // First, because judging an amendment costs far more than counting.
  const limit = state.law.limits.proposalsOpen;
  checkRoom(state, proposal.author, turn, { limit, rule: 'constitution.limits.proposalsOpen' });
  checkChange(state, change, turn);
  return {
    state: openProposal(state, proposal, turn),
    effect: effectOf(turn, `${ruleOf(changeClass)}.authors`, 'proposed', proposal),
  };
}

/** When a proposal under `rule` that is made now expires. */
export function expiryOf(rule: Rule, timeSeconds: number): number | null {
  return rule.expiresAfterSeconds === null ? null : timeSeconds + rule.expiresAfterSeconds;
}

/** Refuses a member that has none of `roles`. */
export function checkRole(member: Member, roles: readonly string[], rule: string): void {
  if (hasRole(member, roles)) return;
  const message = `${member.name} has none of the roles ${roles.join(', ')}`;
  refuse('author-lacks-role', rule, message, { member: member.name });
}

function checkDeferral(
  rule: Rule,
  path: string,
  { timeSeconds }: NotBefore,
  expiresAtSeconds: number | null,
): void {
  if (!rule.notBefore) refuse('not-before-forbidden', `${path}.notBefore`);
  if (timeSeconds !== null && isExpired(expiresAtSeconds, timeSeconds))
    refuse('never-active', `${path}.expiresAfterSeconds`);
}

// What would fail at activation whatever anybody approves is refused at once.
function checkChange(state: VillageState, change: Change, turn: Turn): void {
  if (change.kind === 'constitution') {
    checkVersion(change.version, state.constitution.version, 'village.constitution-amend');
    enactKeys(state, change.constitution, turn.seq, turn.seq);
  } else if (change.kind === 'revocation') {
    revoke(state, change, turn.seq);
  } else {
    checkPolicyVersion(state, change);
  }
}

/** Refuses a policy change that does not follow the version in force. */
export function checkPolicyVersion(
  state: VillageState,
  change: { readonly policy: string; readonly version: number },
): void {
  const current = state.policies.get(change.policy)?.version ?? 0;
  checkVersion(change.version, current, 'village.policy-version');
}

function checkVersion(version: number, current: number, rule: string): void {
  if (version === current + 1) return;
  refuse('version-wrong', rule, `the next version is ${current + 1}`, {
    expected: current + 1,
    got: version,
  });
}

/** Refuses one more proposal of `author` when `limit` unexpired ones are open. */
export function checkRoom(
  state: VillageState,
  author: Proposal['author'],
  turn: Turn,
  { limit, rule }: { readonly limit: number; readonly rule: string },
): void {
  let open = 0;
  for (const other of state.proposals.values()) {
    if (other.author === author && !isExpired(other.expiresAtSeconds, turn.timeSeconds)) open++;
  }
  if (open >= limit) refuse('too-many-proposals', rule, undefined, { limit });
}

/** Puts `proposal` among the open ones, from which those that expired go. */
export function openProposal(before: VillageState, proposal: Proposal, turn: Turn): VillageState {
  let state = before;
  for (const [id, { expiresAtSeconds }] of before.proposals) {
    if (isExpired(expiresAtSeconds, turn.timeSeconds))
      state = closeProposal(state, id, 'expired', turn.seq);
  }
  return { ...state, proposals: state.proposals.set(proposal.id, proposal) };
}

/**
 * True when the approvals that count meet the quorum. The constitution in force now decides which do, whatever
 * was in force when they were given.
 */
export function isApproved(
  state: VillageState,
  proposal: Proposal,
  changeClass: ChangeClass,
): boolean {
  const rule = state.law.rules[changeClass];
  return meetsQuorum(rule.quorum, countingVoters(state, rule, proposal.approvals));
}

/** True before the point that the proposal itself asks to wait for. */
export function isDeferred({ notBefore }: Proposal, turn: Turn): boolean {
  if (notBefore === null) return false;
  const { timeSeconds, index } = notBefore;
  return (
    (timeSeconds !== null && turn.timeSeconds < timeSeconds) ||
    (index !== null && turn.index < index)
  );
}

/** True when nothing is left to wait for. */
export function mayActivate(
  state: VillageState,
  proposal: Proposal,
  changeClass: ChangeClass,
  turn: Turn,
): boolean {
  return isApproved(state, proposal, changeClass) && !isDeferred(proposal, turn);
}

/** The change takes effect behind the statement whose turn it is. */
export function activateNow(before: VillageState, proposal: Proposal, turn: Turn): Result {
  const rule = `${ruleOf(classOf(before.law, proposal.change))}.quorum`;
  let state = applyChange(before, proposal, turn);
  state = closeProposal(state, proposal.id, 'activated', turn.seq);
  const effect = effectOf(turn, rule, 'activated', proposal);
  return supersede(state, proposal.change, effect, turn.seq);
}

/** `state` and `effect` without the open proposals that `done` leaves nothing to change. */
export function supersede(before: VillageState, done: Change, effect: Effect, seq: number): Result {
  let state = before;
  const superseded: string[] = [];
  for (const [id, { change }] of before.proposals) {
    if (!competes(change, done)) continue;
    superseded.push(id);
    state = closeProposal(state, id, 'superseded', seq);
  }
  return { state, effect: { ...effect, superseded } };
}

function competes(other: Change, done: Change): boolean {
  if (other.kind === 'policy') return done.kind === 'policy' && other.policy === done.policy;
  if (other.kind === 'constitution') return done.kind === 'constitution';
  return done.kind === 'revocation' && equalBytes(other.key, done.key);
}

function applyChange(state: VillageState, proposal: Proposal, turn: Turn): VillageState {
  const { change } = proposal;
  const { seq, index, timeSeconds } = turn;
  if (change.kind === 'revocation') return revoke(state, change, seq);
  if (change.kind === 'constitution') {
    checkVersion(change.version, state.constitution.version, 'village.constitution-amend');
    const enacted = enactKeys(state, change.constitution, proposal.seq, seq);
    return { ...state, ...enacted, constitution: { version: change.version, seq, index } };
  }
  checkPolicyVersion(state, change);
  const { policy, version, digest, source } = change;
  const previous = state.policies.get(policy) ?? null;
  const next = { version, digest, source, seq, index, timeSeconds, previous };
  return { ...state, policies: state.policies.set(policy, next) };
}

/** The state without the key. Refuses when nobody could amend the constitution any more. */
export function revoke(
  state: VillageState,
  { member, key }: { readonly member: string; readonly key: Uint8Array },
  seq: number,
): VillageState {
  const next = dropKey(state, keyOfMember(state, member, key), seq);
  checkRule(next.law, 'constitution');
  return next;
}

/** The proposal is open no more; the state remembers for a while how it ended. */
export function closeProposal(
  state: VillageState,
  id: string,
  end: ClosedProposal['end'],
  seq: number,
): VillageState {
  const closed = [...state.closed.slice(1 - MAX_CLOSED), { id, end, seq }];
  return { ...state, proposals: state.proposals.delete(id), closed };
}

/** The effect of this turn on a proposal. */
export function effectOf(
  { by }: Turn,
  rule: string,
  result: Effect['result'],
  proposal: { readonly id: string } | null,
): Effect {
  return { by, rule, result, proposal: proposal?.id ?? null, superseded: [] };
}
