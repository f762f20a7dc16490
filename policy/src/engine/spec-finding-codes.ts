// Codes of the findings of stages "schema" and "bind", and of conditions at run time. Part of the catalogue in
// finding-codes.ts: a code never changes its meaning and is never used again for another.

import type { FindingKind } from './finding-codes.ts';

/** Code → meaning; all are blockers of stage "schema". */
export const SCHEMA_CODES = {
  'clock-time-malformed': 'a time of day is not HH:MM',
  'cron-malformed': 'a cron expression breaks the grammar',
  'cron-never-runs': 'a cron expression names a day that no year has',
  'day-missing': 'a monthly schedule has no day',
  'day-unexpected': 'a schedule that is not monthly has a day',
  'digest-malformed': 'a digest is not 64 hexadecimal digits in lower case',
  'document-too-deep': 'the document is nested too deep',
  'document-too-large': 'the document is larger than a policy may be',
  'driver-malformed': 'a driver is not named by its digest',
  'duration-malformed': 'a duration is not a whole number and a unit',
  'duration-out-of-range': 'a duration is longer or shorter than the field allows',
  'event-kind-unknown': 'there is no such kind of event',
  'field-missing': 'a field that has no default is missing',
  'field-repeated': 'an object names a field twice',
  'field-unknown': 'there is no such field',
  'findings-cut': 'there are more findings than are listed',
  'identifier-malformed': 'an identifier has other characters than it may have',
  'json-malformed': 'the document is no JSON',
  'list-too-large': 'a list has too many items',
  'list-too-small': 'a list has too few items',
  'metric-malformed': 'a name is none that a metric can have',
  'name-forbidden': 'a field has a name that no document may use',
  'number-too-large': 'a number is above its bound',
  'number-too-small': 'a number is below its bound',
  'schedule-ambiguous': 'a timer has both a schedule and a cron expression, or neither',
  'since-event-endless': 'timer.after counts from a state whose end nobody reports',
  'text-malformed': 'a text has characters that it must not have',
  'text-too-large': 'a text is too long',
  'text-too-small': 'a text is too short',
  'time-malformed': 'a time is not RFC 3339 in UTC with milliseconds',
  'time-zone-unknown': 'a time zone is not in the tz database',
  'trigger-type-unknown': 'there is no such type of trigger',
  'type-wrong': 'a value is of the wrong type',
  'ups-state-unknown': 'there is no such state of a UPS',
  'uuid-malformed': 'an id is no UUID in lower case',
  'value-malformed': 'a value is none that is allowed here',
  'value-unknown': 'a value is not on the list of those that are allowed',
  'value-unordered': 'a text or a truth value is compared by order',
  'version-unknown': 'the version of the Policy Spec is not known',
  'webhook-malformed': 'a name is none that a webhook can have',
  'weekday-repeated': 'a schedule names a weekday twice',
  'weekday-unknown': 'there is no such weekday',
  'weekdays-missing': 'a weekly schedule has no days',
  'weekdays-unexpected': 'a schedule that is not weekly has weekdays',
} as const;

/** Code → meaning; all are blockers of stage "bind". */
export const BIND_CODES = {
  'condition-field-unknown': 'the scope has no such field',
  'condition-type-wrong': 'the field is of another type than the value',
  'condition-value-unknown': 'the field never has this value',
} as const;

export type SchemaCode = keyof typeof SCHEMA_CODES;
export type BindCode = keyof typeof BIND_CODES;

/** All codes that reading, binding and evaluating give. */
export const SPEC_FINDING_CODES: ReadonlyMap<string, FindingKind> = new Map<string, FindingKind>([
  ...rowsOf(SCHEMA_CODES, 'schema'),
  ...rowsOf(BIND_CODES, 'bind'),
  [
    'condition-unknown',
    {
      stage: 'execute',
      severities: ['warn'],
      meaning: 'a value was not known or of another type, so its condition did not hold',
    },
  ],
]);

function rowsOf(
  codes: { readonly [code: string]: string },
  stage: 'schema' | 'bind',
): readonly (readonly [string, FindingKind])[] {
  return Object.entries(codes).map(([code, meaning]) => [
    code,
    { stage, severities: ['blocker'], meaning },
  ]);
}
