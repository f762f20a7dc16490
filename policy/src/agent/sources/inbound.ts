// What senders outside push to a node: webhooks, samples, events (spec/node.md section 4). Each request is signed, is
// good for minutes, and counts once.

import { formatHex, parseUtf8, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import * as z from 'zod';
import type { EngineEvent } from '../../engine/event.ts';
import { readEvent } from '../../engine/event-schema.ts';
import type { Scalar } from '../../engine/policy-spec.ts';
import { verifyWebhook, type WebhookHeaders } from './webhook-signature.ts';

/** Largest body: what can be parsed in milliseconds, whatever is in it. */
export const MAX_INBOUND_BYTES: number = 32 * 1024;
/** Most subjects of one request, and most samples of all of them. */
const MAX_SUBJECTS = 256;
const MAX_SAMPLES = 1024;
/** Most attributes that a webhook keeps; a body may have more, which no policy can ask for. */
const MAX_ATTRS = 32;
const MAX_ATTR_LENGTH = 256;

/** Somebody who may send. */
export interface Sender {
  readonly name: string;
  readonly secret: Uint8Array;
  readonly may: ReadonlySet<'webhook' | 'samples' | 'events'>;
}

/** What a request asks for, from its path: `/webhooks/<sender>/<name>`, `/samples/<sender>`, `/events/<sender>`. */
export interface InboundTarget {
  readonly kind: 'webhook' | 'samples' | 'events';
  readonly sender: string;
  /** Of the webhook. */
  readonly name: string;
}

/** What came of it. */
export type Inbound = {
  /** Names the request of the sender, 64 hexadecimal digits: what is sent again has the same. */
  readonly key: string;
} & (
  | { readonly kind: 'event'; readonly event: EngineEvent }
  | { readonly kind: 'samples'; readonly samples: readonly SampleSet[] }
);

export interface SampleSet {
  readonly subject: { readonly kind: 'ups' | 'host' | 'vm' | 'integration'; readonly id: string };
  readonly samples: ReadonlyMap<string, Scalar>;
}

const NAME = '[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}';
const WEBHOOK = new RegExp(`^/webhooks/(${NAME})/(${NAME})$`);
const OTHER = new RegExp(`^/(samples|events)/(${NAME})$`);

const scalar = z.union([z.number(), z.boolean(), z.string().max(MAX_ATTR_LENGTH)]);
const samplesBody = z
  .array(
    z.strictObject({
      subject: z.strictObject({
        kind: z.enum(['ups', 'host', 'vm', 'integration']),
        id: z.string().min(1).max(200),
      }),
      samples: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_.:/-]{0,199}$/), scalar),
    }),
  )
  .min(1)
  .max(MAX_SUBJECTS);

/** The target of a path; undefined: there is none. */
export function inboundTarget(path: string): InboundTarget | undefined {
  const [, sender, name] = WEBHOOK.exec(path) ?? [];
  if (sender !== undefined && name !== undefined) return { kind: 'webhook', sender, name };
  const [, kind, other] = OTHER.exec(path) ?? [];
  if (other === undefined) return undefined;
  return { kind: kind === 'samples' ? 'samples' : 'events', sender: other, name: '' };
}

/**
 * Reads a request. LogError author-unknown for whoever cannot show that it is the sender (an unknown sender and a wrong
 * signature look alike), author-not-permitted, json-malformed, request-invalid.
 */
export function readInbound(
  target: InboundTarget,
  senders: ReadonlyMap<string, Sender>,
  headers: WebhookHeaders,
  body: Uint8Array,
  nowSeconds: number,
): Inbound {
  const sender = senders.get(target.sender);
  const verdict = verifyWebhook(sender?.secret ?? NO_SECRET, headers, body, nowSeconds);
  if (sender === undefined || !verdict.isValid) {
    // Every other reason follows from the request alone, and is said whether there is such a sender or not.
    const reason = verdict.isValid ? 'no signature is valid' : verdict.reason;
    throw new LogError(
      'author-unknown',
      `the request is not signed by ${target.sender}: ${reason}`,
    );
  }
  if (!sender.may.has(target.kind))
    throw new LogError('author-not-permitted', `${sender.name} may not send ${target.kind}`);
  const document = jsonOf(body);
  // By its id alone: a sender that tries again signs with a later time.
  const key = formatHex(sha256(utf8(`${sender.name}\n${verdict.id}`)));
  if (target.kind === 'samples') return { key, kind: 'samples', samples: samplesOf(document) };
  if (target.kind === 'events') return { key, kind: 'event', event: readEvent(document) };
  const ts = new Date(verdict.timestampSeconds * 1000).toISOString();
  const attrs = { ...attrsOf(document), name: target.name, 'webhook-id': verdict.id };
  const subject = { kind: 'integration', id: sender.name };
  const event = { type: 'webhook', kind: 'webhook.custom', subject, attrs, ts };
  return { key, kind: 'event', event: readEvent(event) };
}

// Nobody has it, so that an unknown sender costs the same check.
const NO_SECRET = new Uint8Array(32);

function jsonOf(body: Uint8Array): unknown {
  const text = parseUtf8(body);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    throw new LogError('json-malformed', 'the body is no JSON', {}, error);
  }
}

/** Members with a scalar at the top of the body, in their order; the rest is left out. */
function attrsOf(document: unknown): { readonly [name: string]: Scalar } {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return {};
  const kept: [string, Scalar][] = [];
  for (const [name, value] of Object.entries(document)) {
    if (kept.length === MAX_ATTRS - 2) break;
    if (name.length <= 100 && isScalar(value)) kept.push([name, value]);
  }
  return Object.fromEntries(kept);
}

function isScalar(value: unknown): value is Scalar {
  if (typeof value === 'string') return value.length <= MAX_ATTR_LENGTH;
  return typeof value === 'number' || typeof value === 'boolean';
}

/** Counted before each of them is looked at. */
function countSamples(document: unknown): number {
  if (!Array.isArray(document)) return 0;
  return document.reduce((sum: number, set: unknown) => {
    const samples =
      typeof set === 'object' && set !== null && 'samples' in set ? set.samples : null;
    return (
      sum + (typeof samples === 'object' && samples !== null ? Object.keys(samples).length : 0)
    );
  }, 0);
}

function samplesOf(document: unknown): readonly SampleSet[] {
  if (countSamples(document) > MAX_SAMPLES)
    throw new LogError('request-invalid', `a request has at most ${MAX_SAMPLES} samples`);
  const parsed = samplesBody.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LogError('request-invalid', `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
  }
  return parsed.data.map(({ subject, samples }) => ({
    subject,
    samples: new Map(Object.entries(samples)),
  }));
}
