// The reducer of `package/<namespace>/<name>` (spec/villages.md section 11).

import type { Context } from './context.ts';
import { continueOwned, type OwnedState } from './owned.ts';
import { type Step, stranger } from './position.ts';
import { type Outcome, settle } from './refusal.ts';

/** The state of a package's stream behind `step`: the key that published first publishes on. */
export function reducePackage(
  state: OwnedState | undefined,
  { statement }: Step,
  context: Context,
): Outcome<OwnedState> {
  const by = stranger(statement);
  return settle(
    () => by,
    () => ({
      state: { family: 'package', ...continueOwned(state, statement, context) },
      effect: { by, rule: 'stream.owner', result: 'recorded', proposal: null, superseded: [] },
    }),
  );
}
