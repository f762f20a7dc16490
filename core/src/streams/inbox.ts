// The reducer of `inbox/<village>` (spec/villages.md section 8): outsiders propose policies, and nothing happens
// until the village takes a proposal up.

import { formatHex } from '../bytes.ts';
import { sha256 } from '../sha256.ts';
import type { Quarantine } from '../statements/kinds/constitution.ts';
import type { PolicyChange } from '../statements/kinds/village.ts';
import type { Statement } from '../statements/statement.ts';
import type { Context } from './context.ts';
import { HexMap } from './hex-map.ts';
import type { InboxProposal, InboxState } from './inbox-state.ts';
import { checkPosition, headOf, type Step } from './position.ts';
import { type Outcome, refuse, settle } from './refusal.ts';
import { checkSpecSize } from './village-quarantine.ts';
import { countUse, isExpired, NO_USAGE, type Usage, type VillageState } from './village-state.ts';

const RULE = 'constitution.quarantine';

/** The state of an inbox behind `step`; `state` is undefined before its first statement. */
export function reduceInbox(
  state: InboxState | undefined,
  { statement, payload }: Step,
  context: Context,
): Outcome<InboxState> {
  const { streamId } = statement;
  const name = streamId.family === 'inbox' ? streamId.village : '';
  const village = context.village(name);
  const keyId = formatHex(statement.keyId);
  const member = village?.keys.get(keyId)?.member ?? null;
  const by = { keyId, member, constitution: village?.constitution ?? null };
  return settle(
    () => by,
    () => {
      checkPosition(statement, state?.head);
      if (payload.kind !== 'policy-change')
        return refuse('kind-out-of-place', `inbox.${payload.kind}`);
      if (village === undefined) return refuse('village-unknown', 'inbox.village');
      const proposal = receive(village, statement, payload, context);
      const usage = spend(village, state?.usage ?? NO_USAGE, keyId, context);
      const open = stillOpen(state?.proposals ?? HexMap.of(), village, context.timeSeconds);
      checkOpen(village, open.size);
      return {
        state: {
          family: 'inbox',
          village: name,
          head: headOf(statement, context.index),
          proposals: open.set(proposal.id, proposal),
          usage,
        },
        effect: {
          by,
          rule: RULE,
          result: 'quarantined',
          proposal: proposal.id,
          superseded: [],
        },
      };
    },
  );
}

function quarantineOf({ law }: VillageState): Quarantine {
  return law.quarantine ?? refuse('quarantine-off', RULE);
}

function receive(
  village: VillageState,
  statement: Statement,
  { policy, version, spec, notBefore }: PolicyChange,
  { index, timeSeconds }: Context,
): InboxProposal {
  const quarantine = quarantineOf(village);
  const author = formatHex(statement.keyId);
  if (village.keys.get(author)?.untilSeq != null)
    refuse('key-revoked', 'constitution.members.keys');
  if (notBefore !== undefined) refuse('not-before-forbidden', RULE);
  checkSpecSize(village, spec.length);
  return {
    id: formatHex(statement.id),
    seq: statement.seq,
    index,
    author,
    policy,
    version,
    digest: sha256(spec),
    specBytes: spec.length,
    expiresAtSeconds: timeSeconds + quarantine.expiresAfterSeconds,
  };
}

function spend(
  village: VillageState,
  before: Usage,
  keyId: string,
  { timeSeconds }: Context,
): Usage {
  const { usage, count } = countUse(before, keyId, timeSeconds);
  const limit = quarantineOf(village).statementsPerDay;
  if (count > limit) refuse('quota-exceeded', `${RULE}.statementsPerDay`, undefined, { limit });
  return usage;
}

function stillOpen(
  proposals: HexMap<InboxProposal>,
  village: VillageState,
  timeSeconds: number,
): HexMap<InboxProposal> {
  let open = proposals;
  for (const [id, { expiresAtSeconds }] of proposals) {
    const end = village.decisions.get(id)?.end ?? 'open';
    if (end !== 'open' || isExpired(expiresAtSeconds, timeSeconds)) open = open.delete(id);
  }
  return open;
}

function checkOpen(village: VillageState, open: number): void {
  const limit = quarantineOf(village).proposalsOpen;
  if (open >= limit) refuse('too-many-proposals', `${RULE}.proposalsOpen`, undefined, { limit });
}
