// One door to the reducers of all streams. The log admits with it, readers and auditors replay with it.

import { equalBytes, formatHex } from '../bytes.ts';
import { coseKeyThumbprint } from '../statements/thumbprint.ts';
import { type AuditState, reduceAudit } from './audit.ts';
import type { Context } from './context.ts';
import { reduceInbox } from './inbox.ts';
import type { InboxState } from './inbox-state.ts';
import { isOfLog, type LogState, reduceLog } from './log-stream.ts';
import { reduceNode } from './node.ts';
import type { OwnedState } from './owned.ts';
import { reducePackage } from './package.ts';
import type { Head, Step } from './position.ts';
import type { Outcome } from './refusal.ts';
import { reduceVillage } from './village.ts';
import type { VillageState } from './village-state.ts';

/** The state of a stream, by its family. */
export type StreamState =
  | { readonly family: 'village'; readonly state: VillageState }
  | { readonly family: 'inbox'; readonly state: InboxState }
  | { readonly family: 'audit'; readonly state: AuditState }
  | { readonly family: 'log'; readonly state: LogState }
  | { readonly family: 'node'; readonly state: OwnedState }
  | { readonly family: 'package'; readonly state: OwnedState };

/** Stream id → state. */
export type StreamStates = ReadonlyMap<string, StreamState>;

/**
 * The state of the stream of `step` behind it, or why the statement may not stand there. Pure: `states` are
 * those before the statement and stay so. The signature is the caller's to check, under `signerKey`.
 */
export function reduce(states: StreamStates, step: Step, context: Context): Outcome<StreamState> {
  const { stream, streamId } = step.statement;
  const before = states.get(stream);
  switch (streamId.family) {
    case 'village':
      return inFamily('village', reduceVillage(stateOf(before, 'village'), step, context));
    case 'inbox':
      return inFamily('inbox', reduceInbox(stateOf(before, 'inbox'), step, context));
    case 'audit':
      return inFamily('audit', reduceAudit(stateOf(before, 'audit'), step, context));
    case 'log':
      return inFamily('log', reduceLog(stateOf(before, 'log'), step, context));
    case 'node':
      return inFamily('node', reduceNode(stateOf(before, 'node'), step, context));
    case 'package':
      return inFamily('package', reducePackage(stateOf(before, 'package'), step, context));
  }
}

type StateOf<Family> = Extract<StreamState, { readonly family: Family }>['state'];

function stateOf<Family extends StreamState['family']>(
  before: StreamState | undefined,
  family: Family,
): StateOf<Family> | undefined {
  return isOf(before, family) ? before.state : undefined;
}

function isOf<Family extends StreamState['family']>(
  state: StreamState | undefined,
  family: Family,
): state is Extract<StreamState, { readonly family: Family }> {
  return state?.family === family;
}

function inFamily<Family extends string, State>(
  family: Family,
  outcome: Outcome<State>,
): Outcome<{ readonly family: Family; readonly state: State }> {
  if (!outcome.admitted) return outcome;
  return { ...outcome, state: { family, state: outcome.state } };
}

/** The context of the statement at leaf `index` when `states` are those before it. */
export function contextAt(states: StreamStates, index: number, firstLogKey: Uint8Array): Context {
  const log = stateOf(states.get('log'), 'log');
  return {
    index,
    timeSeconds: log?.timeSeconds ?? 0,
    logKey: log?.key ?? firstLogKey,
    village: (name) => stateOf(states.get(`village/${name}`), 'village'),
    inbox: (name) => stateOf(states.get(`inbox/${name}`), 'inbox'),
  };
}

/** The head of a stream. */
export function headOfState({ state }: StreamState): Head {
  return state.head;
}

/**
 * The public key that has to have signed the statement, as far as the log itself says: keys of members, of founders
 * in the statement that founds, and of the log. undefined for everybody else, whom only the authors file knows.
 */
export function signerKey(step: Step, context: Context): Uint8Array | undefined {
  const { statement, payload } = step;
  const { streamId, keyId } = statement;
  if ((streamId.family === 'log' || streamId.family === 'audit') && isOfLog(statement, context))
    return context.logKey;
  if (payload.kind === 'village-create') {
    const keys = payload.constitution.members.flatMap((member) => member.keys);
    return keys.find((key) => equalBytes(coseKeyThumbprint(key), keyId));
  }
  const name =
    streamId.family === 'village' || streamId.family === 'inbox'
      ? streamId.village
      : streamId.family === 'audit'
        ? streamId.name
        : '';
  return context.village(name)?.keys.get(formatHex(keyId))?.key;
}
