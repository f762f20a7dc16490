// Streams of private villages: what is sealed there and what is not, and what is left to see for those who have no
// openings (spec/private-villages.md sections 4 and 5).

import type { StreamId } from '../statements/stream-id.ts';
import type { Context } from './context.ts';
import { checkPosition, type Head, headOf, type Step, stranger } from './position.ts';
import { type Authority, type Outcome, refuse, settle } from './refusal.ts';
import type { VillageState } from './village-state.ts';

const RULE = 'constitution.visibility';

/** State of a stream whose statements nobody opened: where it ends, and nothing else. */
export interface HiddenState {
  readonly family: 'hidden';
  readonly head: Head;
}

/** The village whose visibility decides about a stream; undefined where none does. */
export function villageOfStream({ streamId }: { readonly streamId: StreamId }): string | undefined {
  switch (streamId.family) {
    case 'village':
    case 'inbox':
    case 'node':
      return streamId.village;
    case 'audit':
      return streamId.name;
    default:
      return undefined;
  }
}

/**
 * True where nobody judges: the village itself is hidden, or this statement founds one behind its seal. What comes
 * later cannot be judged either, with openings or without.
 */
export function isHidden(
  step: Step,
  before: { readonly family: string } | undefined,
  village: { readonly family: string } | undefined,
): boolean {
  if (before?.family === 'hidden' || village?.family === 'hidden') return true;
  const { statement, payload } = step;
  return (
    before === undefined && statement.streamId.family === 'village' && payload.kind === 'sealed'
  );
}

/** The state behind a statement that is not judged: its position alone is, and that it is sealed. */
export function reduceHidden(
  before: { readonly head: Head } | undefined,
  { statement }: Step,
  context: Context,
): Outcome<HiddenState> {
  const by = stranger(statement);
  return settle(
    () => by,
    () => {
      checkPosition(statement, before?.head);
      if (statement.kind !== 'sealed') refuse('not-sealed', RULE);
      return {
        state: { family: 'hidden', head: headOf(statement, context.index) },
        effect: { by, rule: RULE, result: 'not-judged', proposal: null, superseded: [] },
      };
    },
  );
}

/**
 * Why the statement stands in the wrong dress: in clear in a stream of a private village, sealed anywhere else, or
 * sealed without the opening that it takes to judge it. undefined: nothing of that.
 */
export function refuseDress(
  step: Step,
  before: { readonly head: Head } | undefined,
  village: VillageState | undefined,
): Outcome<never> | undefined {
  const { statement, payload } = step;
  const isSealed = statement.kind === 'sealed';
  const law = payload.kind === 'village-create' ? payload.constitution : village?.law;
  const isPrivate = law?.visibility === 'private';
  if (isSealed === isPrivate && payload.kind !== 'sealed') return undefined;
  const { keyId } = stranger(statement);
  const member = village?.keys.get(keyId)?.member ?? null;
  const by: Authority = { keyId, member, constitution: village?.constitution ?? null };
  return settle(
    () => by,
    () => {
      checkPosition(statement, before?.head);
      if (!isPrivate) return refuse('sealed-in-public', RULE);
      return isSealed ? refuse('opening-missing', RULE) : refuse('not-sealed', RULE);
    },
  );
}
