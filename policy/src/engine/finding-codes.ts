// The catalogue of findings (spec/policy-engine.md section 8, generated from here). A code never changes its
// meaning and is never used again for another; clients show their own words for it.

import { bug } from '@writ/core/errors';
import type { Finding, Severity, Stage } from './finding.ts';

export interface FindingKind {
  readonly stage: Stage;
  /** What it can be; the first is the usual one. */
  readonly severities: readonly [Severity, ...Severity[]];
  /** What is wrong, without the particulars. */
  readonly meaning: string;
}

/** What makes a document no policy, no event or no manifest: each is a blocker. */
const SHAPE_CODES = {
  // documents and the schema of policies
  'json-malformed': 'the document is no JSON, or not one that means the same everywhere',
  'document-too-large': 'the document, or with its defaults, is larger than a statement holds',
  'document-too-deep': 'the document is nested too deep',
  'name-forbidden': 'a member has a name that belongs to the language of programs',
  'findings-cut': 'there are more findings than are listed',
  'version-unknown': 'this program does not know that version of the Policy Spec',
  'field-missing': 'a field that has no default is missing',
  'field-repeated': 'a field is named twice in the text',
  'field-unknown': 'there is no such field',
  'type-wrong': 'a value is of another type',
  'value-unknown': 'a value is none of those that are allowed',
  'value-malformed': 'a value is not allowed here',
  'value-unordered': 'what is no number is compared by order',
  'text-malformed': 'a text has control characters, half characters, or white space at its ends',
  'text-too-small': 'a text is too short',
  'text-too-large': 'a text is too long',
  'number-too-small': 'a number is too small',
  'number-too-large': 'a number is too large',
  'list-too-small': 'a list has too few items',
  'list-too-large': 'a list has too many items',
  'list-too-long': 'a webhook has too many attributes',
  'identifier-malformed': 'a capability, verb or target type is not well formed',
  'uuid-malformed': 'an id is no UUID in lower case',
  'driver-malformed': 'a driver is not named by sha256: and its digest',
  'trigger-type-unknown': 'there is no such type of trigger',
  'ups-state-unknown': 'there is no such state of a UPS',
  'since-event-endless': 'nothing says when the state ends that a timer waits on',
  'metric-malformed': 'the name of a metric is not well formed',
  'webhook-malformed': 'the name of a webhook is not well formed',
  'duration-malformed': 'a duration is not a whole number and s, m, h or d',
  'duration-out-of-range': 'a duration is shorter or longer than the field allows',
  'schedule-ambiguous': 'a timer needs a schedule or a cron expression, one of both',
  'clock-time-malformed': 'a time of day is not HH:MM',
  'weekday-unknown': 'there is no such weekday',
  'weekday-repeated': 'a weekday stands there twice',
  'weekdays-missing': 'a weekly schedule has no days',
  'weekdays-unexpected': 'a schedule that is not weekly has weekdays',
  'day-missing': 'a monthly schedule has no day',
  'day-unexpected': 'a schedule that is not monthly has a day of the month',
  'cron-malformed': 'a cron expression is not well formed',
  'cron-never-runs': 'no date can ever match the cron expression',
  'time-zone-unknown': 'there is no such time zone',
  // events
  'digest-malformed': 'a digest is not 64 hexadecimal digits in lower case',
  'time-malformed': 'a time is not RFC 3339 in UTC with milliseconds, or there is no such time',
  'event-kind-unknown': 'there is no such kind of event',
  // manifests of drivers
  'manifest-yaml': 'a manifest is not the YAML that is allowed',
  'manifest-member-missing': 'a member of a manifest is missing',
  'manifest-member-unknown': 'a manifest has no such member',
  'manifest-value': 'a value in a manifest is not allowed there',
  'manifest-duplicate': 'something stands in a manifest twice',
  'manifest-core-version': 'a driver needs another version of Writ',
  'manifest-target-type': 'a manifest names an unknown target type',
  'manifest-params-schema': 'a schema of parameters or a connection is outside the subset',
  'manifest-key-field': 'an idempotency key names a parameter that no verb has',
  'manifest-inverse': 'what a manifest says of undoing is not sound',
  'manifest-network': 'a manifest asks for a network address that cannot be allowed',
} as const;

const CHECK_CODES = {
  // conditions
  'condition-field-unknown': {
    stage: 'bind',
    severities: ['blocker'],
    meaning: 'the scope has no such field',
  },
  'condition-type-wrong': {
    stage: 'bind',
    severities: ['blocker'],
    meaning: 'the field is of another type than the value',
  },
  'condition-value-unknown': {
    stage: 'bind',
    severities: ['blocker'],
    meaning: 'the field never has this value',
  },
  'condition-unknown': {
    stage: 'execute',
    severities: ['warn'],
    meaning: 'what a condition asks is not known, so it does not hold',
  },
  // hosts, drivers and capabilities
  'host-unchecked': {
    stage: 'capability',
    severities: ['info'],
    meaning: 'no list of hosts was at hand',
  },
  'host-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'no node has this host',
  },
  'target-type-absent': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the host has no targets of this type',
  },
  'target-type-unsupported': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the capability is not for this target type',
  },
  'driver-unpinned': {
    stage: 'capability',
    severities: ['error'],
    meaning: 'no driver package is pinned',
  },
  'driver-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the pinned driver package is not at hand',
  },
  'driver-superseded': {
    stage: 'capability',
    severities: ['warn'],
    meaning: 'the host has another version of the pinned driver',
  },
  'driver-mismatch': {
    stage: 'capability',
    severities: ['error'],
    meaning: 'the host has another driver than the pinned one',
  },
  'capability-unchecked': {
    stage: 'capability',
    severities: ['info'],
    meaning: 'no driver was known to check against',
  },
  'capability-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the driver has no such capability',
  },
  'verb-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the capability has no such verb',
  },
  'param-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the verb has no such parameter',
  },
  'param-missing': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'a parameter that the verb needs is missing',
  },
  'param-invalid': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'a parameter is not what the verb allows',
  },
  'inverse-driver-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'an inverse needs the manifest of the pinned driver, which is not at hand',
  },
  'inverse-impossible': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'the driver names nothing that undoes the action',
  },
  // selectors
  'target-type-unknown': {
    stage: 'capability',
    severities: ['blocker'],
    meaning: 'there is no such target type',
  },
  'selector-malformed': {
    stage: 'expand',
    severities: ['blocker'],
    meaning: 'the selector breaks the grammar of its mode',
  },
  'selector-type-mismatch': {
    stage: 'expand',
    severities: ['blocker'],
    meaning: 'an item of the selector is no target of this type',
  },
  'selector-range-reversed': {
    stage: 'expand',
    severities: ['blocker'],
    meaning: 'a range ends before it begins',
  },
  'selector-range-ambiguous': {
    stage: 'expand',
    severities: ['blocker'],
    meaning: 'a range over slots or members has two meanings without an inventory',
  },
  'selector-too-large': {
    stage: 'expand',
    severities: ['blocker'],
    meaning: 'the selector is longer, or means more targets, than is allowed',
  },
  'selector-needs-inventory': {
    stage: 'expand',
    severities: ['warn', 'blocker'],
    meaning: 'a query needs an inventory; a blocker where it is resolved only once',
  },
  'selector-unresolved': {
    stage: 'expand',
    severities: ['warn', 'blocker'],
    meaning: 'a target is not in the inventory; a blocker where it is resolved only once',
  },
  'selector-empty': {
    stage: 'expand',
    severities: ['warn'],
    meaning: 'the selector means no target at present',
  },
  'selector-confirm': {
    stage: 'expand',
    severities: ['warn'],
    meaning: 'a destructive verb is for so many targets that somebody has to confirm it',
  },
  'selector-unchecked': {
    stage: 'expand',
    severities: ['info'],
    meaning: 'no inventory was at hand',
  },
  'inventory-stale': { stage: 'expand', severities: ['warn'], meaning: 'the inventory is old' },
  // windows
  'window-long': {
    stage: 'windows',
    severities: ['warn'],
    meaning: 'the policy stays quiet for more than a day after a match',
  },
  'window-unused': {
    stage: 'windows',
    severities: ['info'],
    meaning: 'a correlation window has no meaning without ALL',
  },
} as const;

export type FindingCode = keyof typeof SHAPE_CODES | keyof typeof CHECK_CODES;

/** Every code that a check of a policy, an event or a manifest can give. */
export const FINDING_CODES: ReadonlyMap<string, FindingKind> = new Map<string, FindingKind>([
  ...Object.entries(SHAPE_CODES).map(([code, meaning]) => [code, shape(meaning)] as const),
  ...Object.entries(CHECK_CODES),
]);

/** A finding of a code of the catalogue, with the stage and the usual severity that stand there. */
export function findingOf(code: FindingCode, path: string, message: string): Finding {
  const kind = FINDING_CODES.get(code);
  if (kind === undefined) return bug(`${code} is not in the catalogue`);
  return { code, severity: kind.severities[0], stage: kind.stage, path, message };
}

function shape(meaning: string): FindingKind {
  return { stage: 'schema', severities: ['blocker'], meaning };
}
