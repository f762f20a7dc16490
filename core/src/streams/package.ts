// The reducer of `package/<namespace>/<name>` (spec/villages.md section 11).

import type { Context } from './context.ts';
import { type OwnedState, reduceOwned } from './owned.ts';
import type { Step } from './position.ts';
import type { Outcome } from './refusal.ts';

/** The state of a package's stream behind `step`: the key that published first publishes on. */
export function reducePackage(
  state: OwnedState | undefined,
  step: Step,
  context: Context,
): Outcome<OwnedState> {
  return reduceOwned('package', state, step, context);
}
