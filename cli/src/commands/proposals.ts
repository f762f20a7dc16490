// writ village proposals: what is open, what each would change, and what it still needs.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { type JsonValue, parseCanonicalJson } from '@writ/core/statements/jcs';
import type { Proposal } from '@writ/core/streams/village-state';
import { diffJson, type JsonChange } from '@writ/policy/engine/json-diff';
import type { View } from '../author.ts';
import { diffConstitutions } from '../constitution-file.ts';
import { type Answer, type Context, parseId } from '../context.ts';
import { openProposals, proposalFacts, proposalLines } from '../proposal.ts';
import { changeLine, specsOf } from './policy-read.ts';

/** All open proposals, or one with what it would change. */
export async function listProposals(context: Context): Promise<Answer> {
  const [id] = context.invocation.operands;
  if (id !== undefined) return showProposal(context, formatHex(parseId(id)));
  const proposals = openProposals(await context.view());
  return {
    lines: proposals.length === 0 ? ['nothing is open'] : proposals.flatMap(proposalLines),
    result: { proposals },
  };
}

async function showProposal(context: Context, id: string): Promise<Answer> {
  const view = await context.view({ whole: true });
  const proposal = view.state.proposals.get(id);
  if (proposal === undefined)
    throw new LogError('not-found', `the village has no open proposal ${id}`, { proposal: id });
  const facts = proposalFacts(view, proposal);
  const changes = changesOf(view, proposal);
  return {
    lines: [...proposalLines(facts), ...changes.map((change) => `  ${changeLine(change)}`)],
    result: { proposals: [{ ...facts, changes }] },
  };
}

/** The difference between what is in force and what would be. */
function changesOf(view: View, { change }: Proposal): JsonChange[] {
  const { law, policies } = view.state;
  if (change.kind === 'constitution') return diffConstitutions(law, change.constitution);
  if (change.kind === 'revocation') return [];
  const before = specOf(view, policies.get(change.policy)?.digest ?? null);
  return diffJson(before, specOf(view, change.digest));
}

// A policy that is off, or not there yet, is null.
function specOf(view: View, digest: Uint8Array | null): JsonValue {
  if (digest === null) return null;
  const spec = specsOf(view).get(formatHex(digest));
  if (spec !== undefined) return parseCanonicalJson(spec);
  throw new LogError('storage-corrupt', 'no statement holds the spec of its digest');
}
