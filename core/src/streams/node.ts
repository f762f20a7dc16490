// The reducer of `node/<village>/<node>` (spec/node-records.md section 4).

import { formatHex } from '../bytes.ts';
import {
  type Effects,
  type ExecutionIntent,
  type ExecutionOutcome,
  targetCount,
} from '../statements/kinds/node.ts';
import type { Payload } from '../statements/kinds.ts';
import type { Context } from './context.ts';
import { HexMap } from './hex-map.ts';
import {
  MAX_CLOSED_INTENTS,
  MAX_OPEN_INTENTS,
  NO_RECORDS,
  type NodeState,
  type OpenIntent,
} from './node-state.ts';
import { continueOwned } from './owned.ts';
import { type Step, stranger } from './position.ts';
import { type Outcome, refuse, settle } from './refusal.ts';

/** The state of a node's stream behind `step`. The village of the node has to exist. */
export function reduceNode(
  state: NodeState | undefined,
  { statement, payload }: Step,
  context: Context,
): Outcome<NodeState> {
  const by = stranger(statement);
  const { streamId } = statement;
  return settle(
    () => by,
    () => {
      const village = streamId.family === 'node' ? streamId.village : '';
      if (context.village(village) === undefined) refuse('village-unknown', 'node.village');
      const owned = continueOwned(state, statement, context);
      const { open, closed, applied, counts } = state ?? EMPTY;
      const before: NodeState = { family: 'node', ...owned, open, closed, applied, counts };
      return {
        state: record(before, payload, context),
        effect: { by, rule: 'stream.owner', result: 'recorded', proposal: null, superseded: [] },
      };
    },
  );
}

const EMPTY = { open: HexMap.of<OpenIntent>(), closed: [], applied: null, counts: NO_RECORDS };

function record(state: NodeState, payload: Payload, context: Context): NodeState {
  const { counts } = state;
  switch (payload.kind) {
    case 'execution-intent':
      return openIntent(state, payload, context);
    case 'execution-outcome':
      return closeIntent(state, payload);
    case 'execution-unknown': {
      const after = { ...counts, unknown: counts.unknown + 1 };
      return { ...close(state, payload.intent, payload.kind).state, counts: after };
    }
    case 'execution-suppressed':
      return {
        ...state,
        counts: { ...counts, suppressed: plus(counts.suppressed, payload.count) },
      };
    case 'records-lost':
      return { ...state, counts: { ...counts, lost: plus(counts.lost, payload.count) } };
    case 'state-applied': {
      const { villageSeq, villageHead, checkpoint } = payload;
      checkTree(checkpoint.size, payload.kind, context);
      return { ...state, applied: { villageSeq, villageHead, size: checkpoint.size } };
    }
    case 'drift-report':
    case 'policy-override':
    case 'dry-run':
    case 'node-hosts':
      return state;
    default:
      return refuse('kind-out-of-place', `node.${payload.kind}`);
  }
}

function openIntent(state: NodeState, intent: ExecutionIntent, context: Context): NodeState {
  const { open, head, counts } = state;
  checkTree(intent.checkpoint.size, intent.kind, context);
  if (open.size >= MAX_OPEN_INTENTS)
    refuse('too-many-intents', 'node.execution-intent', undefined, { most: MAX_OPEN_INTENTS });
  const row = { seq: head.seq, targets: targetCount(intent.targets) };
  return {
    ...state,
    open: open.set(formatHex(head.id), row),
    counts: { ...counts, intents: counts.intents + 1 },
  };
}

function closeIntent(state: NodeState, outcome: ExecutionOutcome): NodeState {
  const { state: closed, intent } = close(state, outcome.intent, outcome.kind);
  if (lastTarget(outcome.effects) >= intent.targets)
    refuse('target-unknown', 'node.execution-outcome', undefined, { targets: intent.targets });
  const { counts } = state;
  return { ...closed, counts: { ...counts, [outcome.result]: counts[outcome.result] + 1 } };
}

function close(
  state: NodeState,
  intentId: Uint8Array,
  kind: string,
): { state: NodeState; intent: OpenIntent } {
  const id = formatHex(intentId);
  const intent = state.open.get(id);
  if (intent === undefined) {
    const end = state.closed.find((row) => row.id === id);
    if (end === undefined) refuse('intent-unknown', `node.${kind}`);
    refuse('intent-closed', `node.${kind}`, undefined, { seq: end.seq });
  }
  const closed = [...state.closed, { id, seq: state.head.seq }].slice(-MAX_CLOSED_INTENTS);
  return { state: { ...state, open: state.open.delete(id), closed }, intent };
}

function lastTarget(effects: Effects): number {
  if (!('list' in effects)) return effects.count - 1;
  return effects.list.reduce((last, { target }) => Math.max(last, target), -1);
}

// What the node says it had verified cannot be larger than the log was.
function checkTree(size: number, kind: string, { index }: Context): void {
  if (size > index) refuse('checkpoint-ahead', `node.${kind}`, undefined, { size, most: index });
}

// Foreign numbers: a sum stays one that a state can hold.
function plus(sum: number, count: number): number {
  return Math.min(sum + count, Number.MAX_SAFE_INTEGER);
}
