// What members say about open proposals (spec/villages.md section 6).

import { formatHex } from '../bytes.ts';
import type { ChangeClass, Member } from '../statements/kinds/constitution.ts';
import type { Vote } from '../statements/kinds/village.ts';
import { canStillPass, classOf, ruleOf } from './constitution-check.ts';
import { refuse } from './refusal.ts';
import {
  activateNow,
  checkRole,
  closeProposal,
  effectOf,
  isApproved,
  isDeferred,
  mayActivate,
  type Result,
  type Turn,
} from './village-proposals.ts';
import { type Ballot, isExpired, type Proposal, type VillageState } from './village-state.ts';

/** A vote on an open proposal. */
export function vote(state: VillageState, turn: Turn, { kind, proposal: id }: Vote): Result {
  const proposal = openProposalOf(state, id);
  const changeClass = classOf(state.law, proposal.change);
  if (isExpired(proposal.expiresAtSeconds, turn.timeSeconds))
    refuse('proposal-expired', `${ruleOf(changeClass)}.expiresAfterSeconds`);
  switch (kind) {
    case 'approve':
      return approve(state, proposal, changeClass, turn);
    case 'reject':
      return reject(state, proposal, changeClass, turn);
    case 'withdraw':
      return withdraw(state, proposal, turn);
    case 'activate':
      return activate(state, proposal, changeClass, turn);
  }
}

function openProposalOf(state: VillageState, id: Uint8Array): Proposal {
  const key = formatHex(id);
  const proposal = state.proposals.get(key);
  if (proposal !== undefined) return proposal;
  const closed = state.closed.find((other) => other.id === key);
  if (closed === undefined) return refuse('proposal-unknown', 'village.proposals');
  const { end, seq } = closed;
  return refuse('proposal-closed', 'village.proposals', `the proposal was ${end}`, { end, seq });
}

function approve(
  state: VillageState,
  proposal: Proposal,
  changeClass: ChangeClass,
  turn: Turn,
): Result {
  checkVoter(state, proposal, changeClass, turn);
  const approvals = withBallot(proposal.approvals, turn);
  const approved = { ...proposal, approvals };
  if (mayActivate(state, approved, changeClass, turn)) return activateNow(state, approved, turn);
  return {
    state: { ...state, proposals: state.proposals.set(proposal.id, approved) },
    effect: effectOf(turn, `${ruleOf(changeClass)}.approvers`, 'approved', proposal),
  };
}

function reject(
  state: VillageState,
  proposal: Proposal,
  changeClass: ChangeClass,
  turn: Turn,
): Result {
  checkVoter(state, proposal, changeClass, turn);
  const rejections = withBallot(proposal.rejections, turn);
  const canPass = canStillPass(state, state.law.rules[changeClass], rejections);
  return {
    state: canPass
      ? { ...state, proposals: state.proposals.set(proposal.id, { ...proposal, rejections }) }
      : closeProposal(state, proposal.id, 'rejected', turn.seq),
    effect: effectOf(turn, `${ruleOf(changeClass)}.approvers`, 'rejected', proposal),
  };
}

function checkVoter(
  state: VillageState,
  { approvals, rejections }: Proposal,
  changeClass: ChangeClass,
  { member }: Turn,
): void {
  const rule = `${ruleOf(changeClass)}.approvers`;
  checkRole(member, state.law.rules[changeClass].approvers, rule);
  if (hasVoted(state, approvals, member) || hasVoted(state, rejections, member))
    refuse('already-voted', rule, `${member.name} voted on this proposal before`);
}

/** True when the member, since it joined, is among `ballots`. */
export function hasVoted(state: VillageState, ballots: readonly Ballot[], member: Member): boolean {
  const joined = state.joined.get(member.name) ?? 0;
  return ballots.some((ballot) => ballot.member === member.name && ballot.seq >= joined);
}

/** `ballots` with that of the member whose turn it is; one from a former membership of the same name goes. */
export function withBallot(ballots: readonly Ballot[], { member, seq }: Turn): readonly Ballot[] {
  const others = ballots.filter((ballot) => ballot.member !== member.name);
  return [...others, { member: member.name, seq }];
}

function withdraw(state: VillageState, proposal: Proposal, turn: Turn): Result {
  const { name } = turn.member;
  if (proposal.author !== name || proposal.seq < (state.joined.get(name) ?? 0))
    refuse('author-not-proposer', 'village.withdraw');
  return {
    state: closeProposal(state, proposal.id, 'withdrawn', turn.seq),
    effect: effectOf(turn, 'village.withdraw', 'withdrawn', proposal),
  };
}

function activate(
  state: VillageState,
  proposal: Proposal,
  changeClass: ChangeClass,
  turn: Turn,
): Result {
  const rule = state.law.rules[changeClass];
  checkRole(turn.member, rule.authors, `${ruleOf(changeClass)}.authors`);
  if (!isApproved(state, proposal, changeClass))
    refuse('quorum-not-met', `${ruleOf(changeClass)}.quorum`);
  if (isDeferred(proposal, turn)) refuse('not-yet', 'village.not-before');
  return activateNow(state, proposal, turn);
}
