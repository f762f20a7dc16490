// What streams of nodes and packages have in common: no gap, and one owner (spec/villages.md section 11). Their kinds
// come with rules of their own.

import { formatHex } from '../bytes.ts';
import type { Context } from './context.ts';
import { checkPosition, type Head, headOf, type Step, stranger } from './position.ts';
import { type Outcome, refuse, settle } from './refusal.ts';

/** State of a stream that belongs to the key of its first statement. */
export interface OwnedState {
  readonly family: 'node' | 'package';
  readonly head: Head;
  /** Key id in hexadecimal. */
  readonly owner: string;
}

/** The state of an owned stream behind `step`; `state` is undefined before its first statement. */
export function reduceOwned(
  family: OwnedState['family'],
  state: OwnedState | undefined,
  { statement }: Step,
  context: Context,
): Outcome<OwnedState> {
  const by = stranger(statement);
  return settle(
    () => by,
    () => {
      checkPosition(statement, state?.head);
      const owner = state?.owner ?? formatHex(statement.keyId);
      if (owner !== by.keyId)
        refuse('author-not-owner', 'stream.owner', undefined, { expected: owner });
      return {
        state: { family, head: headOf(statement, context.index), owner },
        effect: { by, rule: 'stream.owner', result: 'recorded', proposal: null, superseded: [] },
      };
    },
  );
}
