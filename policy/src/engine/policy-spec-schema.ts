// The schema of Policy Spec version 1: the one source of its fields, types, defaults and bounds, for the compiler, the
// API, the command line and the console (spec/policy-spec.md).

import { utf8 } from '@writ/core/bytes';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import * as z from 'zod';
import { MAX_CRON_LENGTH } from './cron.ts';
import { MAX_HOLD_S, MAX_WINDOW_S } from './duration.ts';
import type { Finding } from './finding.ts';
import { snapshotJson } from './json-snapshot.ts';
import { MAX_NAME_LENGTH, type PolicySpec, type Trigger } from './policy-spec.ts';
import {
  cronProblems,
  orderProblems,
  problemsBy,
  scheduleProblems,
  sinceProblems,
  timerProblems,
} from './policy-spec-rules.ts';
import {
  attributes,
  comparison,
  duration,
  findingsOf,
  metricName,
  prose,
  refusal,
  scalar,
  upsState,
  uuid,
  webhookName,
} from './schema-parts.ts';
import { upgradeSpec } from './spec-upgrade.ts';
import { isTimeZone } from './time-zone.ts';

/** Largest spec in bytes of its canonical form, defaults filled in: it has to fit into one statement. */
export const MAX_SPEC_BYTES = 64_000;
/** Deepest nesting, parameters included. */
export const MAX_SPEC_DEPTH = 16;
/** Most values in a spec, lists and objects included. */
export const MAX_SPEC_VALUES = 4096;
/** Most triggers, conditions and actions, each. */
export const MAX_SPEC_ITEMS = 32;

const SNAPSHOT_LIMITS = {
  maxBytes: MAX_SPEC_BYTES,
  maxDepth: MAX_SPEC_DEPTH,
  maxValues: MAX_SPEC_VALUES,
};
const CLOCK_TIME = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DRIVER = /^sha256:[0-9a-f]{64}$/;
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const IDENTIFIER_WORDS =
  'identifier-malformed: must be up to 100 letters, digits and . _ -, and start with a letter or digit';

const hold = duration(MAX_HOLD_S).nullable().default(null);
const window = duration(MAX_WINDOW_S);
const identifier = z.string().regex(IDENTIFIER, IDENTIFIER_WORDS);
const scheduleSchema = z
  .strictObject({
    repeat: z.enum(['daily', 'weekly', 'monthly']),
    at: z.string().regex(CLOCK_TIME, 'clock-time-malformed: must be HH:MM from 00:00 to 23:59'),
    days: z
      .array(z.enum(WEEKDAYS, `weekday-unknown: must be one of ${WEEKDAYS.join(', ')}`))
      .max(7)
      .refine(
        (days) => new Set(days).size === days.length,
        'weekday-repeated: a weekday may stand here once',
      )
      .default(() => []),
    day: z.int().min(1).max(31).nullable().default(null),
  })
  .superRefine(...problemsBy(scheduleProblems));

const timerAtSchema = z
  .strictObject({
    type: z.literal('timer.at'),
    schedule: scheduleSchema.nullable().default(null),
    cron: z
      .string()
      .max(MAX_CRON_LENGTH)
      .superRefine(...problemsBy(cronProblems))
      .nullable()
      .default(null),
    time_zone: z
      .string()
      .max(100)
      .refine(
        isTimeZone,
        'time-zone-unknown: must be a name of the tz database, such as Europe/Berlin',
      )
      .default('UTC'),
  })
  .superRefine(...problemsBy(timerProblems));

const triggerSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('ups.state'), equals: upsState, for: hold }),
    z
      .strictObject({
        type: z.literal('metric.threshold'),
        metric: metricName,
        op: comparison,
        value: scalar,
        for: hold,
      })
      .superRefine(...problemsBy(orderProblems)),
    timerAtSchema,
    z.strictObject({
      type: z.literal('timer.after'),
      after: window,
      since_event: z
        .strictObject({
          type: z.enum(['ups.state', 'webhook.custom']),
          equals: z.string().max(100),
        })
        .superRefine(...problemsBy(sinceProblems)),
    }),
    z.strictObject({
      type: z.literal('webhook.custom'),
      name: webhookName,
      attrs: attributes.default(() => ({})),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union'
        ? 'trigger-type-unknown: must be ups.state, metric.threshold, timer.at, timer.after or webhook.custom'
        : undefined,
  },
);

const conditionSchema = z
  .strictObject({
    scope: z.enum(['ups', 'host', 'metric', 'vm']),
    field: z.string().min(1).max(200),
    op: comparison,
    value: scalar,
  })
  .superRefine(...problemsBy(orderProblems));

const actionSchema = z.strictObject({
  capability_id: identifier,
  verb: identifier,
  params: z.record(z.string().min(1).max(100), z.custom<JsonValue>()).default(() => ({})),
  idempotency: z
    .strictObject({ key_hint: prose(200).nullable().default(null) })
    .default(() => ({ key_hint: null })),
});

const specSchema: z.ZodType<PolicySpec> = z.strictObject({
  version: z.literal(1, 'version-unknown: this program knows version 1 alone').default(1),
  name: prose(MAX_NAME_LENGTH)
    .min(3)
    .regex(/^\S(?:[\s\S]*\S)?$/, 'text-malformed: must not begin or end with white space'),
  enabled: z.boolean().default(true),
  priority: z.int().default(0),
  stop_on_match: z.boolean().default(false),
  dynamic_resolution: z.boolean().default(true),
  trigger_group: z.strictObject({
    logic: z.enum(['ALL', 'ANY']).default('ANY'),
    triggers: z.array(triggerSchema).min(1).max(MAX_SPEC_ITEMS),
    window: window.nullable().default(null),
  }),
  conditions: z
    .strictObject({
      all: z
        .array(conditionSchema)
        .max(MAX_SPEC_ITEMS)
        .default(() => []),
    })
    .default(() => ({ all: [] })),
  targets: z.strictObject({
    host_id: uuid,
    target_type: identifier,
    selector: z.strictObject({
      mode: z.enum(['list', 'range', 'query']),
      value: prose(4096).min(1),
    }),
    driver: z
      .string()
      .regex(DRIVER, 'driver-malformed: must be sha256: and 64 hexadecimal digits in lower case')
      .nullable()
      .default(null),
  }),
  actions: z.array(actionSchema).min(1).max(MAX_SPEC_ITEMS),
  suppression_window: window.default('5m'),
  idempotency_window: window.default('10m'),
  notes: prose(16_000, true).nullable().default(null),
});

/** A policy that was read, or what is wrong with it: at least one blocker. */
export type PolicySpecReading =
  | { readonly spec: PolicySpec; readonly findings?: undefined }
  | { readonly spec?: undefined; readonly findings: readonly Finding[] };

/**
 * Reads a policy as JSON.parse returned it, and fills the defaults in. All that is wrong is found at once, up to
 * MAX_FINDINGS; each finding points into `document`. Never throws.
 */
export function readPolicySpec(document: unknown): PolicySpecReading {
  const copy = snapshotJson(document, SNAPSHOT_LIMITS);
  if ('finding' in copy) return { findings: [copy.finding] };
  const upgraded = upgradeSpec(copy.value);
  if ('finding' in upgraded) return { findings: [upgraded.finding] };
  const result = specSchema.safeParse(upgraded.document);
  if (!result.success) return { findings: findingsOf(copy.value, result.error) };
  // The defaults count too: what was read once must be readable again.
  const filled = policySpecJson(result.data);
  const isSmall = utf8(formatCanonicalJson(filled)).length <= MAX_SPEC_BYTES;
  if (isSmall && countFields(filled) !== undefined) return { spec: result.data };
  const message = `the policy with its defaults is larger than ${MAX_SPEC_BYTES} bytes or ${MAX_SPEC_VALUES} values`;
  return { findings: [refusal('document-too-large', '', message)] };
}

/** The same for a text: what is no JSON is a finding too, and so is a field that is named twice. */
export function readPolicySpecText(text: string): PolicySpecReading {
  if (text.length > MAX_SPEC_BYTES) {
    const message = `the text is longer than ${MAX_SPEC_BYTES} characters`;
    return { findings: [refusal('document-too-large', '', message)] };
  }
  try {
    const document: unknown = JSON.parse(text);
    const count = countFields(document);
    // Of one that is too large nothing else needs to be known; the reading refuses it.
    if (count === undefined || count === countColons(text)) return readPolicySpec(document);
    // Two readers could take another one of the two for the policy.
    return { findings: [refusal('field-repeated', '', 'a field is named twice in one object')] };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { findings: [refusal('json-malformed', '', 'the text is no JSON')] };
  }
}

/** Fields of all objects in `document`, undefined beyond the limit; without recursion, as nothing has bounded its depth. */
function countFields(document: unknown): number | undefined {
  let count = 0;
  let values = 1;
  const open = [document];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const children: readonly unknown[] = Object.values(value);
    values += children.length;
    if (values > MAX_SPEC_VALUES) return undefined;
    if (!Array.isArray(value)) count += children.length;
    for (const child of children) if (typeof child === 'object') open.push(child);
  }
  return count;
}

/** Fields in the text: each has one colon outside of strings. */
function countColons(json: string): number {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|[^":]+/g, '').length;
}

/** The spec as JSON, for digests and diffs. */
export function policySpecJson(spec: PolicySpec): JsonValue {
  const { trigger_group, conditions, targets, actions, ...rest } = spec;
  const { logic, window, triggers } = trigger_group;
  return {
    ...rest,
    trigger_group: { logic, window, triggers: triggers.map(triggerJson) },
    conditions: { all: conditions.all.map((condition) => ({ ...condition })) },
    targets: { ...targets, selector: { ...targets.selector } },
    actions: actions.map((action) => ({ ...action, idempotency: { ...action.idempotency } })),
  };
}

/** JSON Schema 2020-12 of what readPolicySpec accepts, as far as that language can say it. */
export function policySpecJsonSchema(): { readonly [name: string]: unknown } {
  return z.toJSONSchema(specSchema, {
    io: 'input',
    target: 'draft-2020-12',
    unrepresentable: 'any',
  });
}

function triggerJson(trigger: Trigger): JsonValue {
  switch (trigger.type) {
    case 'timer.at': {
      const { schedule } = trigger;
      return { ...trigger, schedule: schedule === null ? null : { ...schedule } };
    }
    case 'timer.after':
      return { ...trigger, since_event: { ...trigger.since_event } };
    default:
      return { ...trigger };
  }
}
