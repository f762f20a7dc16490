// writ quarantine: what outsiders laid before the village.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { countingVoters } from '@writ/core/streams/constitution-check';
import type { InboxProposal } from '@writ/core/streams/inbox-state';
import { isExpired } from '@writ/core/streams/village-state';
import { loggedLine, type View, write } from '../author.ts';
import { type Answer, type Context, parseId } from '../context.ts';
import { missingFor, missingText } from '../proposal.ts';

export async function listQuarantine(context: Context): Promise<Answer> {
  const view = await context.view();
  const { quarantine } = view.state.law;
  const rows = waiting(view).map((proposal) => {
    const ballots = view.state.decisions.get(proposal.id)?.approvals ?? [];
    const counting = quarantine === null ? [] : countingVoters(view.state, quarantine, ballots);
    return {
      id: proposal.id,
      policy: proposal.policy,
      version: proposal.version,
      author: proposal.author,
      spec: formatHex(proposal.digest),
      index: proposal.index,
      expiresAtSeconds: proposal.expiresAtSeconds,
      approvals: counting.map(({ name }) => name),
      missing: quarantine === null ? [] : missingFor(quarantine.quorum, counting),
    };
  });
  return {
    lines:
      rows.length === 0
        ? ['nothing waits']
        : rows.map(
            ({ id, policy, version, author, approvals, missing }) =>
              `${id}  version ${version} of ${policy} by key ${author}, approved by ${approvals.join(', ') || 'nobody'}; needs ${missingText(missing)}`,
          ),
    result: { proposals: rows },
  };
}

export async function approveQuarantine(context: Context): Promise<Answer> {
  return decide(context, 'quarantine-approve');
}

export async function rejectQuarantine(context: Context): Promise<Answer> {
  return decide(context, 'quarantine-reject');
}

async function decide(
  context: Context,
  kind: 'quarantine-approve' | 'quarantine-reject',
): Promise<Answer> {
  const proposal = parseId(context.operand(0));
  const id = formatHex(proposal);
  const logged = await write(context, (view) => {
    const found = waiting(view).find((other) => other.id === id);
    if (found === undefined)
      throw new LogError('not-found', `no proposal ${id} waits in the inbox`, { proposal: id });
    return { kind, proposal, digest: found.digest };
  });
  return { lines: [loggedLine(`${kind} ${id}`, logged)], result: logged };
}

function waiting({ inbox, state, timeSeconds }: View): InboxProposal[] {
  return [...(inbox?.proposals.values() ?? [])].filter(({ id, expiresAtSeconds }) => {
    const end = state.decisions.get(id)?.end ?? 'open';
    return end === 'open' && !isExpired(expiresAtSeconds, timeSeconds);
  });
}
