// The reducer of `node/<village>/<node>` (spec/villages.md section 11).

import type { Context } from './context.ts';
import { type OwnedState, reduceOwned } from './owned.ts';
import { type Step, stranger } from './position.ts';
import { type Outcome, refuse, settle } from './refusal.ts';

/** The state of a node's stream behind `step`. The village of the node has to exist. */
export function reduceNode(
  state: OwnedState | undefined,
  step: Step,
  context: Context,
): Outcome<OwnedState> {
  const { streamId } = step.statement;
  const village = streamId.family === 'node' ? streamId.village : '';
  if (context.village(village) !== undefined) return reduceOwned('node', state, step, context);
  return settle(
    () => stranger(step.statement),
    () => refuse('village-unknown', 'node.village'),
  );
}
