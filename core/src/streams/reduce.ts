// One door to the reducers of all streams. The log admits with it, readers and auditors replay with it.

import { equalBytes, formatHex } from '../bytes.ts';
import { coseKeyThumbprint } from '../statements/thumbprint.ts';
import { type AuditState, reduceAudit } from './audit.ts';
import type { Context } from './context.ts';
import {
  type HiddenState,
  isHidden,
  reduceHidden,
  refuseDress,
  villageOfStream,
} from './hidden.ts';
import { reduceInbox } from './inbox.ts';
import type { InboxState } from './inbox-state.ts';
import { isOfLog, type LogState, reduceLog } from './log-stream.ts';
import { reduceNode } from './node.ts';
import type { NodeState } from './node-state.ts';
import type { OwnedState } from './owned.ts';
import { reducePackage } from './package.ts';
import type { Step } from './position.ts';
import type { Outcome } from './refusal.ts';
import { reduceVillage } from './village.ts';
import type { VillageState } from './village-state.ts';

/** The state of a stream; `family` says of which. */
export type StreamState =
  | VillageState
  | InboxState
  | AuditState
  | LogState
  | NodeState
  | OwnedState
  | HiddenState;

/** Stream id → state. */
export type StreamStates = ReadonlyMap<string, StreamState>;

/**
 * The state of the stream of `step` behind it, or why the statement may not stand there. Pure: `states` are
 * those before the statement and stay so. The signature is the caller's to check, under `signerKey`.
 */
export function reduce(states: StreamStates, step: Step, context: Context): Outcome<StreamState> {
  const { stream, streamId } = step.statement;
  const before = states.get(stream);
  const name = villageOfStream(step.statement);
  if (name !== undefined) {
    if (isHidden(step, before, states.get(`village/${name}`)))
      return reduceHidden(before, step, context);
    const refused = refuseDress(step, before, context.village(name));
    if (refused !== undefined) return refused;
  }
  switch (streamId.family) {
    case 'village':
      return reduceVillage(before?.family === 'village' ? before : undefined, step, context);
    case 'inbox':
      return reduceInbox(before?.family === 'inbox' ? before : undefined, step, context);
    case 'audit':
      return reduceAudit(before?.family === 'audit' ? before : undefined, step, context);
    case 'log':
      return reduceLog(before?.family === 'log' ? before : undefined, step, context);
    case 'node':
      return reduceNode(before?.family === 'node' ? before : undefined, step, context);
    case 'package':
      return reducePackage(before?.family === 'package' ? before : undefined, step, context);
  }
}

/** The context of the statement at leaf `index` when `states` are those before it. */
export function contextAt(states: StreamStates, index: number, firstLogKey: Uint8Array): Context {
  const log = states.get('log');
  const isStarted = log?.family === 'log';
  return {
    index,
    timeSeconds: isStarted ? log.timeSeconds : 0,
    logKey: isStarted ? log.key : firstLogKey,
    village: (name) => {
      const state = states.get(`village/${name}`);
      return state?.family === 'village' ? state : undefined;
    },
    inbox: (name) => {
      const state = states.get(`inbox/${name}`);
      return state?.family === 'inbox' ? state : undefined;
    },
  };
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
