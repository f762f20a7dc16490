// writ policy approve, reject, withdraw and activate: about any open proposal of a village.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Vote } from '@writ/core/statements/kinds/village';
import type { VillageState } from '@writ/core/streams/village-state';
import { write } from '../author.ts';
import { type Answer, type Context, parseId } from '../context.ts';
import { outcome } from '../outcome.ts';

export async function approveProposal(context: Context): Promise<Answer> {
  return vote(context, 'approve');
}

export async function rejectProposal(context: Context): Promise<Answer> {
  return vote(context, 'reject');
}

export async function withdrawProposal(context: Context): Promise<Answer> {
  return vote(context, 'withdraw');
}

export async function activateProposal(context: Context): Promise<Answer> {
  return vote(context, 'activate');
}

async function vote(context: Context, kind: Vote['kind']): Promise<Answer> {
  const proposal = parseId(context.operand(0));
  const id = formatHex(proposal);
  const logged = await write(context, ({ state }) => {
    requireOpen(state, id);
    return { kind, proposal };
  });
  return outcome(context, logged, `${kind}: ${id}`, id);
}

// The log would refuse as well, but only after somebody signed.
function requireOpen(state: VillageState, id: string): void {
  if (state.proposals.get(id) !== undefined) return;
  const closed = state.closed.find((other) => other.id === id);
  const why = closed === undefined ? 'no proposal of this village' : `${closed.end} already`;
  throw new LogError('statement-refused', `${id} is ${why}`, {
    refusal: closed === undefined ? 'proposal-unknown' : 'proposal-closed',
  });
}
