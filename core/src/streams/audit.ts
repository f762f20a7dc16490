// The reducer of `audit/<name>` (spec/villages.md section 10): notes, and the refusals that a village wants recorded.

import type { Denial } from '../statements/kinds/log.ts';
import type { Statement } from '../statements/statement.ts';
import { parseStreamId } from '../statements/stream-id.ts';
import type { Context } from './context.ts';
import { isOfLog } from './log-stream.ts';
import { checkPosition, type Head, headOf, type Step, stranger } from './position.ts';
import { type Authority, type Outcome, refuse, settle } from './refusal.ts';
import { memberNamed, type VillageState, validKey } from './village-state.ts';

export interface AuditState {
  readonly family: 'audit';
  readonly head: Head;
  /** Denials in the stream so far. */
  readonly denials: number;
}

/** The state of an audit stream behind `step`; `state` is undefined before its first statement. */
export function reduceAudit(
  state: AuditState | undefined,
  { statement, payload }: Step,
  context: Context,
): Outcome<AuditState> {
  const { streamId } = statement;
  const name = streamId.family === 'audit' ? streamId.name : '';
  const village = context.village(name);
  const by = authorityOf(statement, village);
  return settle(
    () => by,
    () => {
      checkPosition(statement, state?.head);
      const denials = state?.denials ?? 0;
      const isDenial = payload.kind === 'denial';
      if (isDenial) checkDenial(statement, payload, name, village, context);
      else if (payload.kind === 'note') checkNote(statement, village, context);
      else refuse('kind-out-of-place', `audit.${payload.kind}`);
      const rule = isDenial ? 'constitution.recordDenials' : 'audit.note';
      return {
        state: {
          family: 'audit',
          head: headOf(statement, context.index),
          denials: denials + (isDenial ? 1 : 0),
        },
        effect: { by, rule, result: 'recorded', proposal: null, superseded: [] },
      };
    },
  );
}

function authorityOf(statement: Statement, village: VillageState | undefined): Authority {
  const { keyId } = stranger(statement);
  const member = village?.keys.get(keyId)?.member ?? null;
  return { keyId, member, constitution: village?.constitution ?? null };
}

function checkDenial(
  statement: Statement,
  denial: Denial,
  name: string,
  village: VillageState | undefined,
  context: Context,
): void {
  if (!isOfLog(statement, context)) refuse('author-not-log', 'audit.denial');
  if (village === undefined) refuse('village-unknown', 'audit.denial');
  if (!village.law.recordDenials) refuse('denials-off', 'constitution.recordDenials');
  const denied = parseStreamId(denial.stream);
  const isHere =
    (denied?.family === 'village' || denied?.family === 'inbox') && denied.village === name;
  if (!isHere) refuse('denial-out-of-place', 'audit.denial');
}

// The audit stream that bears the name of a village is that village's.
function checkNote(
  statement: Statement,
  village: VillageState | undefined,
  context: Context,
): void {
  if (village === undefined || isOfLog(statement, context)) return;
  const record = village.keys.get(stranger(statement).keyId);
  if (record === undefined) refuse('author-not-member', 'audit.note');
  const isGood = validKey(village, statement.keyId) !== undefined;
  if (!isGood || memberNamed(village, record.member) === undefined)
    refuse('key-revoked', 'constitution.members.keys');
}
