// An open proposal as people need to see it: what it changes, whose approvals count, what is missing for the quorum.

import { formatHex } from '@writ/core/bytes';
import type { ChangeClass, Member, Quorum } from '@writ/core/statements/kinds/constitution';
import type { NotBefore } from '@writ/core/statements/kinds/village';
import { classOf, countingVoters, hasRole } from '@writ/core/streams/constitution-check';
import { isExpired, type Proposal } from '@writ/core/streams/village-state';
import type { View } from './author.ts';

/** One thing that a quorum still asks for. */
export type Missing =
  | { readonly kind: 'approvals'; readonly count: number }
  | { readonly kind: 'weight'; readonly count: number }
  | { readonly kind: 'role'; readonly role: string; readonly count: number };

/** What has to happen next: an approval, a point in time or in the log, an activation, or nothing any more. */
export type WaitsFor = 'approval' | 'time' | 'activation' | 'expired';

export interface ProposalFacts {
  readonly id: string;
  readonly kind: Proposal['change']['kind'];
  /** What it changes, in words. */
  readonly subject: string;
  /** The rule of the constitution that decides about it. */
  readonly class: ChangeClass;
  /** null for one that came through the inbox. */
  readonly author: string | null;
  /** Members whose approvals count under the constitution in force. */
  readonly approvals: readonly string[];
  readonly rejections: readonly string[];
  /** Empty when the quorum is met. */
  readonly missing: readonly Missing[];
  /** Members with a key who are approvers and have not voted. */
  readonly mayApprove: readonly string[];
  readonly waitsFor: WaitsFor;
  readonly notBefore: NotBefore | null;
  readonly expiresAtSeconds: number | null;
}

/** The open proposals of a village, oldest first. */
export function openProposals(view: View): ProposalFacts[] {
  const proposals = [...view.state.proposals.values()].sort((a, b) => a.seq - b.seq);
  return proposals.map((proposal) => proposalFacts(view, proposal));
}

export function proposalFacts(view: View, proposal: Proposal): ProposalFacts {
  const { state } = view;
  const { id, change, author, notBefore, expiresAtSeconds } = proposal;
  const changeClass = classOf(state.law, change);
  const rule = state.law.rules[changeClass];
  const counting = countingVoters(state, rule, proposal.approvals);
  const against = countingVoters(state, rule, proposal.rejections);
  const missing = missingFor(rule.quorum, counting);
  return {
    id,
    kind: change.kind,
    subject: subjectOf(proposal),
    class: changeClass,
    author,
    approvals: counting.map(({ name }) => name),
    rejections: against.map(({ name }) => name),
    missing,
    mayApprove: state.law.members
      .filter((member) => member.keys.length > 0 && hasRole(member, rule.approvers))
      .filter((member) => !counting.includes(member) && !against.includes(member))
      .map(({ name }) => name),
    waitsFor: waitsFor(view, proposal, missing),
    notBefore,
    expiresAtSeconds,
  };
}

function subjectOf({ change }: Proposal): string {
  switch (change.kind) {
    case 'policy': {
      const what = change.digest === null ? 'off' : formatHex(change.digest);
      return `policy ${change.policy} version ${change.version}: ${what}`;
    }
    case 'constitution':
      return `constitution version ${change.version}`;
    case 'revocation':
      return `end of the key ${formatHex(change.key)} of ${change.member}`;
  }
}

/** What `quorum` asks for beyond `members`, each counted once. Empty when they meet it. */
export function missingFor(quorum: Quorum, members: readonly Member[]): Missing[] {
  switch (quorum.kind) {
    case 'count': {
      const count = quorum.k - members.length;
      return count > 0 ? [{ kind: 'approvals', count }] : [];
    }
    case 'weight': {
      const count = quorum.threshold - members.reduce((sum, { weight }) => sum + weight, 0);
      return count > 0 ? [{ kind: 'weight', count }] : [];
    }
    case 'roles':
      return [...quorum.roles].flatMap(([role, wanted]) => {
        const count = wanted - members.filter(({ roles }) => roles.includes(role)).length;
        return count > 0 ? [{ kind: 'role' as const, role, count }] : [];
      });
  }
}

function waitsFor(view: View, proposal: Proposal, missing: readonly Missing[]): WaitsFor {
  const { notBefore, expiresAtSeconds } = proposal;
  const { timeSeconds, checkpoint } = view;
  if (isExpired(expiresAtSeconds, timeSeconds)) return 'expired';
  if (missing.length > 0) return 'approval';
  const isEarly =
    notBefore !== null &&
    (timeSeconds < (notBefore.timeSeconds ?? 0) || checkpoint.size < BigInt(notBefore.index ?? 0));
  return isEarly ? 'time' : 'activation';
}

/** The facts as lines, with the command that takes the proposal further. */
export function proposalLines(facts: ProposalFacts): string[] {
  const { id, subject, author, approvals, rejections, expiresAtSeconds } = facts;
  const against = rejections.length > 0 ? `, rejected by ${rejections.join(', ')}` : '';
  const end = expiresAtSeconds === null ? '' : `; expires at ${expiresAtSeconds}`;
  return [
    `${id}  ${subject}`,
    `  rule for ${facts.class}; proposed by ${author ?? 'an outsider'}${end}`,
    `  approved by ${approvals.join(', ') || 'nobody'}${against}`,
    ...nextLines(facts),
  ];
}

/** What is missing, and what to type. */
export function nextLines({
  id,
  waitsFor,
  missing,
  mayApprove,
  notBefore,
}: ProposalFacts): string[] {
  switch (waitsFor) {
    case 'approval':
      return [
        `  needs ${missingText(missing)}; may approve: ${mayApprove.join(', ') || 'nobody'}`,
        `  next: writ policy approve ${id}`,
      ];
    case 'time': {
      const { timeSeconds = null, index = null } = notBefore ?? {};
      const points = [
        ...(timeSeconds === null ? [] : [`log time ${timeSeconds}`]),
        ...(index === null ? [] : [`entry ${index}`]),
      ];
      return [`  approved; waits for ${points.join(' and ')}, then: writ policy activate ${id}`];
    }
    case 'activation':
      return [`  approved; next: writ policy activate ${id}`];
    case 'expired':
      return ['  expired: nothing can come of it'];
  }
}

/** What is missing, in words. */
export function missingText(missing: readonly Missing[]): string {
  return missing.map(partText).join(' and ') || 'nothing more';
}

function partText(missing: Missing): string {
  const { kind, count } = missing;
  if (kind === 'weight') return `approvals of weight ${count} more`;
  const approvals = `${count} more ${count === 1 ? 'approval' : 'approvals'}`;
  return kind === 'role' ? `${approvals} by ${missing.role}` : approvals;
}
