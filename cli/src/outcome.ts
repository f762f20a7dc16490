// What a statement about a proposal came to.

import { type Logged, loggedLine } from './author.ts';
import type { Answer, Context } from './context.ts';
import { nextLines, proposalFacts } from './proposal.ts';

/**
 * Reads the village behind the statement and says how the proposal stands: open and what it waits for, or how
 * it ended.
 */
export async function outcome(
  context: Context,
  logged: Logged,
  what: string,
  proposal: string = logged.id,
): Promise<Answer> {
  const view = await context.view();
  const open = view.state.proposals.get(proposal);
  if (open === undefined) {
    const closed = view.state.closed.find(({ id }) => id === proposal);
    const status = closed?.end ?? 'logged';
    return {
      lines: [loggedLine(`${what} is ${status}`, logged)],
      result: { ...logged, proposal, status, approvals: [], missing: [] },
    };
  }
  const facts = proposalFacts(view, open);
  const { approvals, missing, waitsFor } = facts;
  return {
    lines: [loggedLine(`${what} is open`, logged), ...nextLines(facts)],
    result: { ...logged, proposal, status: 'open', approvals, missing, waitsFor },
  };
}
