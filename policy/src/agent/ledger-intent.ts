// An execution as the record of it says: with commitments in place of what is private (spec/node-records.md sections 2
// and 6).

import { formatHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import {
  type Effects,
  type ExecutionIntent,
  MAX_CORRELATION_SIZE,
  MAX_INLINE_TARGETS,
  MAX_STATE_SIZE,
  MAX_TARGET_SIZE,
  MAX_TARGETS,
  nodeValue,
  type TargetEffect,
  type Targets,
  type VerifiedTree,
} from '@writ/core/statements/kinds/node';
import { commit, keyDigest, saltOf } from './commitment.ts';
import { idBytes, type RevealRow } from './ledger-rows.ts';
import { redactParams, redactText } from './redact.ts';

/** What the engine is about to have done. Digests have 32 bytes. */
export interface BeginRequest {
  readonly policy: string;
  readonly version: number;
  readonly ir: Uint8Array;
  readonly driver: Uint8Array | null;
  /** Id of the event. */
  readonly event: Uint8Array;
  /** Subject of the event: with the policy it is the key of the suppression window. */
  readonly subject: string;
  readonly checkpoint: VerifiedTree;
  readonly villageSeq: number;
  /** UUID. */
  readonly host: string;
  readonly capability: string;
  readonly verb: string;
  /** Canonical ids: 1 to 4,096, none twice. */
  readonly targets: readonly string[];
  /** Whether the manifest lists the verb as destructive. */
  readonly isDestructive: boolean;
  /** The idempotency key, as `executionKey` makes it. */
  readonly key: string;
  readonly params: JsonValue;
  /** JSON Schema of the parameters; null hides all of them. */
  readonly paramsSchema: JsonValue | null;
  /** The preconditions that held; null where none were asked. */
  readonly preconditions: JsonValue | null;
  readonly transcript: Uint8Array | null;
  readonly correlation: string | null;
  readonly idempotencyWindowMs: number;
  readonly suppressionWindowMs: number;
}

/** What an intent is made with. */
export interface IntentSecrets {
  /** Fresh for each intent. */
  readonly secret: Uint8Array;
  /** The same for all records of the node. */
  readonly nodeSecret: Uint8Array;
  /** Whether records show commitments instead of targets. */
  readonly hidesTargets: boolean;
}

/** The payload of the intent and what opens it. */
export function intentOf(
  request: BeginRequest,
  { secret, nodeSecret, hidesTargets }: IntentSecrets,
  timeMs: number,
): { readonly payload: ExecutionIntent; readonly reveal: RevealRow } {
  const { policy, version, ir, driver, event, checkpoint, villageSeq, host } = request;
  const { capability, verb, targets, transcript, preconditions, correlation } = request;
  if (
    targets.length === 0 ||
    targets.length > MAX_TARGETS ||
    new Set(targets).size !== targets.length
  )
    throw new RangeError(`an intent has 1 to ${MAX_TARGETS} different targets`);
  const view = formatCanonicalJson(redactParams(request.params, request.paramsSchema, secret).view);
  const payload: ExecutionIntent = {
    kind: 'execution-intent',
    ...{ policy, version, ir, driver, event, checkpoint, villageSeq, host, capability, verb },
    targets: targetsOf(targets, hidesTargets ? secret : undefined),
    key: keyDigest(nodeSecret, request.key),
    params: commit(saltOf(secret, 'params'), utf8(view)),
    preconditions: preconditions === null ? null : sha256(utf8(formatCanonicalJson(preconditions))),
    transcript,
    correlation: correlation === null ? null : redactText(correlation, [], MAX_CORRELATION_SIZE),
    timeMs,
  };
  return { payload, reveal: { secret: formatHex(secret), targets, params: view, timeMs } };
}

function targetsOf(targets: readonly string[], secret: Uint8Array | undefined): Targets {
  if (secret !== undefined) {
    const salted = targets.map((target, i) => commit(saltOf(secret, `target/${i}`), utf8(target)));
    return salted.length <= MAX_INLINE_TARGETS ? { salted } : digested(salted);
  }
  const isInline =
    targets.length <= MAX_INLINE_TARGETS &&
    targets.every((target) => utf8(target).length <= MAX_TARGET_SIZE);
  return isInline ? { plain: targets } : digested(targets);
}

function digested(list: readonly (string | Uint8Array)[]): Targets {
  return { count: list.length, digest: sha256(encodeCbor(list)) };
}

/** What a driver says of a target. */
export interface ReportedEffect {
  /** Canonical id. */
  readonly target: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** The effects on the targets of the intent; `foreign` counts those that the driver had no business with. */
export function effectsOf(
  targets: readonly string[],
  reported: readonly ReportedEffect[],
): { readonly effects: Effects; readonly foreign: number } {
  const places = new Map(targets.map((target, i) => [target, i]));
  const byTarget = new Map<number, TargetEffect>();
  let foreign = 0;
  for (const { target, from, to } of reported) {
    const place = places.get(target);
    if (place === undefined || byTarget.has(place)) foreign++;
    else byTarget.set(place, { target: place, from: stateText(from), to: stateText(to) });
  }
  const list = [...byTarget.values()].sort((a, b) => a.target - b.target);
  if (list.length <= MAX_INLINE_TARGETS) return { effects: { list }, foreign };
  const digest = sha256(encodeCbor(list.map(nodeValue)));
  return { effects: { count: list.length, digest }, foreign };
}

function stateText(state: string | null): string | null {
  return state === null ? null : redactText(state, [], MAX_STATE_SIZE);
}

/** What an auditor gets to open the commitments of one intent. */
export interface Revelation {
  readonly targets: readonly { readonly target: string; readonly salt: string }[];
  /** The redacted parameters with their salt; null where there are none. */
  readonly params: { readonly view: string; readonly salt: string } | null;
}

/** Opens targets and redacted parameters; the secrets in the parameters stay closed. */
export function revelationOf({ secret, targets, params }: RevealRow): Revelation {
  const bytes = idBytes(secret);
  const salt = (label: string): string => formatHex(saltOf(bytes, label));
  return {
    targets: targets.map((target, i) => ({ target, salt: salt(`target/${i}`) })),
    params: params === null ? null : { view: params, salt: salt('params') },
  };
}
