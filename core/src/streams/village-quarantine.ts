// How a village decides about what outsiders propose (spec/villages.md section 8). Only the constitution in force
// now counts, both for the members who decide and for what they let in.

import { equalBytes, formatHex } from '../bytes.ts';
import type { Quarantine } from '../statements/kinds/constitution.ts';
import type { QuarantineVote } from '../statements/kinds/village.ts';
import { countingVoters, meetsQuorum } from './constitution-check.ts';
import type { InboxProposal, InboxState } from './inbox-state.ts';
import { refuse } from './refusal.ts';
import { inHex } from './state-parts.ts';
import {
  checkPolicyVersion,
  checkRole,
  checkRoom,
  effectOf,
  expiryOf,
  openProposal,
  type Result,
  type Turn,
} from './village-proposals.ts';
import { type Decision, isExpired, type Proposal, type VillageState } from './village-state.ts';
import { hasVoted, withBallot } from './village-votes.ts';

const RULE = 'constitution.quarantine';

/** A vote on a proposal in the inbox. One rejection ends it; approvals that meet the quorum take it up. */
export function decideQuarantine(
  state: VillageState,
  turn: Turn,
  payload: QuarantineVote,
  inbox: InboxState | undefined,
): Result {
  const { quarantine } = state.law;
  if (quarantine === null) return refuse('quarantine-off', RULE);
  checkRole(turn.member, quarantine.approvers, `${RULE}.approvers`);
  const key = formatHex(payload.proposal);
  const decision = state.decisions.get(key);
  if (decision !== undefined && decision.end !== 'open') {
    const { end } = decision;
    refuse('proposal-closed', RULE, `the village decided before: ${end}`, { end });
  }
  const proposal = inbox?.proposals.get(key) ?? refuse('proposal-unknown', 'inbox.proposals');
  if (isExpired(proposal.expiresAtSeconds, turn.timeSeconds))
    refuse('proposal-expired', `${RULE}.expiresAfterSeconds`);
  if (!equalBytes(payload.digest, proposal.digest))
    refuse('digest-mismatch', 'inbox.proposals', undefined, {
      expected: formatHex(proposal.digest),
    });
  const approvals = decision?.approvals ?? [];
  if (hasVoted(state, approvals, turn.member)) refuse('already-voted', `${RULE}.approvers`);
  if (payload.kind === 'quarantine-reject') {
    const { expiresAtSeconds } = proposal;
    const rejected: Decision = { end: 'rejected', approvals, expiresAtSeconds };
    return {
      state: decide(state, key, rejected, turn.timeSeconds),
      effect: effectOf(turn, `${RULE}.approvers`, 'rejected', proposal),
    };
  }
  return approveQuarantine(state, turn, quarantine, proposal, approvals);
}

function approveQuarantine(
  state: VillageState,
  turn: Turn,
  quarantine: Quarantine,
  proposal: InboxProposal,
  before: Decision['approvals'],
): Result {
  checkPolicyVersion(state, proposal);
  checkSpecSize(state, proposal.specBytes);
  const key = proposal.id;
  const { expiresAtSeconds } = proposal;
  const approvals = withBallot(before, turn);
  if (!meetsQuorum(quarantine.quorum, countingVoters(state, quarantine, approvals))) {
    const open: Decision = { end: 'open', approvals, expiresAtSeconds };
    return {
      state: decide(state, key, open, turn.timeSeconds),
      effect: effectOf(turn, `${RULE}.approvers`, 'approved', proposal),
    };
  }
  const takenUp: Decision = { end: 'taken-up', approvals, expiresAtSeconds };
  const decided = decide(state, key, takenUp, turn.timeSeconds);
  const limit = quarantine.proposalsOpen;
  checkRoom(decided, null, turn, { limit, rule: `${RULE}.proposalsOpen` });
  return {
    state: openProposal(decided, villageProposal(state, proposal, turn), turn),
    effect: effectOf(turn, `${RULE}.quorum`, 'taken-up', proposal),
  };
}

/** Refuses a Policy Spec larger than the constitution in force allows. */
export function checkSpecSize({ law }: VillageState, specBytes: number): void {
  const limit = law.limits.specBytes;
  if (specBytes > limit) {
    const message = `the Policy Spec has ${specBytes} bytes, the village allows ${limit}`;
    refuse('spec-too-large', 'constitution.limits.specBytes', message, { limit, got: specBytes });
  }
}

// Letting a proposal in is not approving of it: it starts without approvals, as the policies' rule wants.
function villageProposal(state: VillageState, inbox: InboxProposal, turn: Turn): Proposal {
  const { id, policy, version, digest } = inbox;
  return {
    id,
    seq: turn.seq,
    author: null,
    expiresAtSeconds: expiryOf(state.law.rules.policy, turn.timeSeconds),
    notBefore: null,
    change: { kind: 'policy', policy, version, digest, source: inHex(id) },
    approvals: [],
    rejections: [],
  };
}

function decide(
  state: VillageState,
  key: string,
  decision: Decision,
  timeSeconds: number,
): VillageState {
  let { decisions } = state;
  for (const [id, other] of decisions) {
    if (isExpired(other.expiresAtSeconds, timeSeconds)) decisions = decisions.delete(id);
  }
  return { ...state, decisions: decisions.set(key, decision) };
}
