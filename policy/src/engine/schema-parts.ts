// Leaves that the schemas of policies and events share, and how a refusal of zod becomes a finding. The text of each
// refusal starts with the code of its finding; what has no such text is mapped by kind.

import { controlCharacterAt } from '@writ/core/bytes';
import * as z from 'zod';
import { DURATION, formatDuration, parseDuration } from './duration.ts';
import type { Finding } from './finding.ts';
import { formatPointer, nearestPointer } from './json-pointer.ts';
import { COMPARISONS, type Comparison, type Scalar } from './policy-spec.ts';
import { SCHEMA_CODES, type SchemaCode } from './spec-finding-codes.ts';

// zod compiles schemas with `new Function` where it may, and asks whether it may by trying: both are reports under the
// content security policy of a page. Before any schema is made.
z.config({ jitless: true });

/** States of a UPS that a trigger can name, and those that end each. A state that none ends cannot be waited out. */
export const UPS_STATES: ReadonlyMap<string, readonly string[]> = new Map([
  ['mains-lost', ['mains-returned']],
  ['mains-returned', ['mains-lost']],
  ['low-battery', ['battery-ok', 'mains-returned']],
  ['battery-ok', ['low-battery']],
  ['comm-lost', ['mains-lost', 'mains-returned']],
  ['replace-battery', []],
  ['overload', []],
  ['bypass', []],
  ['output-off', []],
  ['forced-shutdown', []],
]);

/** Most findings of one document; the last one then says that there are more. */
export const MAX_FINDINGS = 100;
/** Longest value of a comparison, in UTF-16 units. */
export const MAX_VALUE_LENGTH = 256;

/** Name of a metric. */
export const METRIC: RegExp = /^[A-Za-z_][A-Za-z0-9_.:/-]{0,199}$/;
/** Name of a webhook. */
export const WEBHOOK: RegExp = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$/;
export const WEBHOOK_WORDS =
  'the name of a webhook is up to 100 letters, digits and _ . : -, and starts with a letter or digit';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const comparison: z.ZodType<Comparison> = z.enum(COMPARISONS);

export const scalar: z.ZodType<Scalar> = z.union(
  [z.number(), z.boolean(), z.string().max(MAX_VALUE_LENGTH)],
  `type-wrong: must be a number, true, false, or a text of at most ${MAX_VALUE_LENGTH} characters`,
);

export const upsState: z.ZodType<string> = z.enum(
  [...UPS_STATES.keys()],
  `ups-state-unknown: must be one of ${[...UPS_STATES.keys()].join(', ')}`,
);

export const metricName: z.ZodType<string> = z
  .string()
  .regex(
    METRIC,
    'metric-malformed: a metric is up to 200 letters, digits and _ . : / -, and starts with a letter or _',
  );

export const webhookName: z.ZodType<string> = z
  .string()
  .regex(WEBHOOK, `webhook-malformed: ${WEBHOOK_WORDS}`);

export const uuid: z.ZodType<string> = z
  .string()
  .regex(
    UUID,
    'uuid-malformed: must be a UUID in lower case, such as 6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11',
  );

/** Attributes of a webhook. */
export const attributes: z.ZodType<{ readonly [name: string]: Scalar }> = z
  .record(z.string().min(1).max(100), scalar)
  .refine(
    (value) => Object.keys(value).length <= 32,
    'list-too-large: a webhook has at most 32 attributes',
  );

/** A duration of up to `maxSeconds`; at least a second, unless zero is allowed. */
export function duration(maxSeconds: number, minSeconds = 1): z.ZodType<string> {
  const bounds = `${minSeconds}s to ${formatDuration(maxSeconds)}`;
  return z
    .string()
    .regex(
      DURATION,
      `duration-malformed: must be a whole number and one of s, m, h, d, such as 5m (${bounds})`,
    )
    .refine((text) => {
      const seconds = parseDuration(text);
      return seconds === undefined || (seconds >= minSeconds && seconds <= maxSeconds);
    }, `duration-out-of-range: must be ${bounds}`);
}

/** Text for people: no control characters but, with `isLong`, line feeds and tabs. */
export function prose(maxLength: number, isLong = false): z.ZodString {
  return z
    .string()
    .max(maxLength)
    .refine(
      (text) => controlCharacterAt(isLong ? text.replaceAll(/[\n\t]/g, ' ') : text) === -1,
      'text-malformed: must hold no control characters',
    );
}

/** The refusals of zod as blockers of stage schema, in the order of the document's members; bounded. */
export function findingsOf(document: unknown, error: z.ZodError): Finding[] {
  const found = new Map<string, Finding>();
  for (const issue of error.issues) {
    for (const finding of findingsOfIssue(document, issue)) {
      if (found.size === MAX_FINDINGS) return [...found.values()].with(-1, tooMany());
      found.set(`${finding.code} ${finding.path} ${finding.message}`, finding);
    }
  }
  return [...found.values()];
}

/** A blocker of stage schema. */
export function refusal(code: SchemaCode, path: string, message: string): Finding {
  return { code, severity: 'blocker', stage: 'schema', path, message };
}

function tooMany(): Finding {
  return refusal(
    'findings-cut',
    '',
    `there is more wrong than the ${MAX_FINDINGS - 1} findings before this one`,
  );
}

function findingsOfIssue(document: unknown, issue: z.core.$ZodIssue): Finding[] {
  const segments = issue.path.map((segment) =>
    typeof segment === 'number' ? segment : String(segment),
  );
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, MAX_FINDINGS + 1)
      .map((name) =>
        refusal(
          'field-unknown',
          formatPointer(...segments, name),
          `there is no field ${JSON.stringify(name.slice(0, 100))} here`,
        ),
      );
  const path = formatPointer(...segments);
  const nearest = nearestPointer(document, path);
  if (nearest !== path) {
    const name = path.slice(nearest.length + 1);
    return [refusal('field-missing', nearest, `the field ${name} is missing`)];
  }
  const [code, message] = wordsOf(issue);
  return [refusal(code, nearest, message)];
}

const CODED = /^([a-z]+(?:-[a-z]+)+): /;

function wordsOf(issue: z.core.$ZodIssue): readonly [code: SchemaCode, message: string] {
  const coded = CODED.exec(issue.message);
  if (coded !== null && isCode(coded[1])) return [coded[1], issue.message.slice(coded[0].length)];
  switch (issue.code) {
    case 'invalid_type':
      return ['type-wrong', `must be of type ${issue.expected}`];
    case 'invalid_value':
      return ['value-unknown', `must be one of ${issue.values.map(String).join(', ')}`];
    case 'too_small':
      return [
        `${kindOf(issue.origin)}-too-small`,
        `must ${boundOf(issue.origin)} at least ${issue.minimum}${unitOf(issue.origin)}`,
      ];
    case 'too_big':
      return [
        `${kindOf(issue.origin)}-too-large`,
        `must ${boundOf(issue.origin)} at most ${issue.maximum}${unitOf(issue.origin)}`,
      ];
    default:
      return ['value-malformed', 'is not a value that is allowed here'];
  }
}

function isCode(text: string | undefined): text is SchemaCode {
  return text !== undefined && Object.hasOwn(SCHEMA_CODES, text);
}

function boundOf(origin: string): string {
  return kindOf(origin) === 'number' ? 'be' : 'have';
}

function unitOf(origin: string): string {
  const kind = kindOf(origin);
  return kind === 'text' ? ' characters' : kind === 'list' ? ' items' : '';
}

function kindOf(origin: string): 'text' | 'list' | 'number' {
  return origin === 'string' ? 'text' : origin === 'array' ? 'list' : 'number';
}
