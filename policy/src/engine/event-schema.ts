// Reads events, names them and judges their time (spec/policy-spec.md section 6, spec/policy-engine.md section 2).

import { formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import * as z from 'zod';
import { MAX_HOLD_S } from './duration.ts';
import type { EngineEvent } from './event.ts';
import type { Finding } from './finding.ts';
import { snapshotJson } from './json-snapshot.ts';
import {
  comparison,
  findingsOf,
  metricName,
  prose,
  scalar,
  upsState,
  uuid,
  webhookName,
} from './schema-parts.ts';

/** Largest event in bytes of its canonical form. */
export const MAX_EVENT_BYTES = 16_384;
const EVENT_LIMITS = { maxBytes: MAX_EVENT_BYTES, maxDepth: 4, maxValues: 1024 };
/** An event farther ahead of the clock of the node than this is refused. */
export const MAX_EVENT_AHEAD_MS = 300_000;
/** An event farther behind it than this is recorded and does not match. */
export const MAX_EVENT_AGE_MS = 86_400_000;
/** Most attributes of a webhook, its name among them. */
const MAX_ATTRIBUTES = 33;

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
const DIGEST = /^[0-9a-f]{64}$/;

const digest = z
  .string()
  .regex(DIGEST, 'digest-malformed: must be 64 hexadecimal digits in lower case');
const held_s = z.int().min(0).max(MAX_HOLD_S).exactOptional();
const subjectId = prose(200).min(1);
const every = {
  ts: z
    .string()
    .regex(
      TIME,
      'time-malformed: must be RFC 3339 in UTC with milliseconds, such as 2026-11-20T19:00:00.000Z',
    )
    .refine(isDate, 'time-malformed: there is no such day or time'),
  correlation_id: uuid.nullable().default(null),
};
const anySubject = z.strictObject({
  kind: z.enum(['ups', 'host', 'vm', 'integration']),
  id: subjectId,
});

const eventSchema: z.ZodType<EngineEvent> = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      type: z.literal('ups'),
      kind: z.literal('ups.state'),
      subject: z.strictObject({ kind: z.literal('ups'), id: subjectId }),
      attrs: z.strictObject({ state: upsState, held_s }),
      ...every,
    }),
    z.strictObject({
      type: z.literal('metric'),
      kind: z.literal('metric.threshold'),
      subject: anySubject,
      attrs: z.strictObject({ metric: metricName, op: comparison, value: scalar, held_s }),
      ...every,
    }),
    z.strictObject({
      type: z.literal('timer'),
      kind: z.literal('timer.at'),
      subject: anySubject,
      attrs: z.strictObject({ trigger: digest }),
      ...every,
    }),
    z.strictObject({
      type: z.literal('timer'),
      kind: z.literal('timer.after'),
      subject: anySubject,
      attrs: z.strictObject({ trigger: digest, since: digest }),
      ...every,
    }),
    z.strictObject({
      type: z.literal('webhook'),
      kind: z.literal('webhook.custom'),
      subject: anySubject,
      attrs: z
        .object({ name: webhookName })
        .catchall(scalar)
        .refine(
          (attrs) => Object.keys(attrs).length <= MAX_ATTRIBUTES,
          `list-too-large: a webhook has at most ${MAX_ATTRIBUTES - 1} attributes beside its name`,
        ),
      ...every,
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'event-kind-unknown: there is no such kind of event' : undefined,
  },
);

/**
 * Reads an event as JSON.parse returned it. LogError json-malformed names the first field that is wrong in
 * `detail.pointer`, and the code of the finding in `detail.finding`.
 */
export function readEvent(document: unknown): EngineEvent {
  const copy = snapshotJson(document, EVENT_LIMITS);
  if ('finding' in copy) return malformed(copy.finding);
  const result = eventSchema.safeParse(copy.value);
  if (result.success) return result.data;
  const [finding] = findingsOf(copy.value, result.error);
  return malformed(finding);
}

/** JSON Schema 2020-12 of events. */
export function eventJsonSchema(): { readonly [name: string]: unknown } {
  return z.toJSONSchema(eventSchema, { io: 'input', target: 'draft-2020-12' });
}

/** The SHA-256 of the canonical JSON in hexadecimal: the same event twice has the same id. */
export function eventId(event: EngineEvent): string {
  const { type, kind, subject, attrs, ts, correlation_id } = event;
  const json = {
    type,
    kind,
    subject: { kind: subject.kind, id: subject.id },
    attrs,
    ts,
    correlation_id,
  };
  return formatHex(sha256(utf8(formatCanonicalJson(json))));
}

/** Milliseconds since 1970 of an event. */
export function eventTimeMs(event: EngineEvent): number {
  return Date.parse(event.ts);
}

/**
 * What the time of an event allows: `handle`; `ahead`: refuse it; `old`: record it and match nothing. An event whose
 * time cannot be read is ahead.
 */
export function judgeEventTime(event: EngineEvent, nowMs: number): 'handle' | 'ahead' | 'old' {
  const timeMs = eventTimeMs(event);
  if (!(timeMs <= nowMs + MAX_EVENT_AHEAD_MS)) return 'ahead';
  return timeMs < nowMs - MAX_EVENT_AGE_MS ? 'old' : 'handle';
}

function isDate(text: string): boolean {
  const ms = Date.parse(text);
  return !TIME.test(text) || (Number.isFinite(ms) && new Date(ms).toISOString() === text);
}

function malformed(finding: Finding | undefined): never {
  throw new LogError('json-malformed', `event: ${finding?.path ?? ''}: ${finding?.message ?? ''}`, {
    pointer: finding?.path ?? '',
    finding: finding?.code ?? '',
  });
}
