// What a change of a policy means, in words (spec/policy-engine.md section 11).

import type { JsonValue } from '@writ/core/statements/jcs';
import type { JsonChange } from './json-diff.ts';

const MAX_SHOWN_LENGTH = 120;

interface Phrase {
  readonly pointer: RegExp;
  readonly words: (change: JsonChange) => string;
}

/** The first that fits decides; the last fits everything. */
const PHRASES: readonly Phrase[] = [
  phrase('/name', (change) => `it is called ${to(change)}, not ${from(change)}`),
  phrase('/notes', () => 'its notes changed'),
  phrase('/enabled', ({ after }) => (after === true ? 'it is enabled' : 'it is disabled')),
  phrase('/priority', describePriority),
  phrase('/stop_on_match', ({ after }) =>
    after === true
      ? 'once it acts, later policies do not see the event any more'
      : 'later policies see the event even when it acts',
  ),
  phrase('/dynamic_resolution', ({ after }) =>
    after === true
      ? 'targets are looked up again at every run'
      : 'targets stay those of the compilation',
  ),
  phrase('/trigger_group/logic', ({ after }) =>
    after === 'ALL' ? 'all triggers have to hold together' : 'one trigger is enough',
  ),
  phrase('/trigger_group/window', (change) =>
    change.after === null
      ? 'triggers count together as long as the suppression window'
      : `triggers count together within ${to(change)}`,
  ),
  phrase('/trigger_group/triggers/[0-9]+', (change) => listWords('trigger', change)),
  phrase('/trigger_group/triggers/[0-9]+/for', (change) =>
    change.after === null
      ? 'the trigger no longer waits'
      : `the trigger has to hold for ${to(change)}, not ${from(change)}`,
  ),
  phrase('/trigger_group/triggers/.*', (change) => `a trigger changed: ${arrow(change)}`),
  phrase('/conditions/all/[0-9]+', (change) => listWords('condition', change)),
  phrase('/conditions/all/.*', (change) => `a condition changed: ${arrow(change)}`),
  phrase('/targets/host_id', (change) => `it acts on host ${to(change)}, not ${from(change)}`),
  phrase('/targets/target_type', (change) => `it acts on ${to(change)}, not on ${from(change)}`),
  phrase('/targets/selector/.*', (change) => `it acts on other targets: ${arrow(change)}`),
  phrase('/targets/driver', describeDriver),
  phrase('/actions/[0-9]+', (change) => listWords('action', change)),
  phrase('/actions/[0-9]+/verb', (change) => `it does ${to(change)}, not ${from(change)}`),
  phrase('/actions/[0-9]+/params(?:/.*)?', (change) => `a parameter changed: ${arrow(change)}`),
  phrase('/actions/[0-9]+/idempotency/.*', () => 'repeats of the action are told apart otherwise'),
  phrase('/suppression_window', (change) => `after a match it stays quiet for ${to(change)}`),
  phrase('/idempotency_window', (change) => `an action is not repeated within ${to(change)}`),
  phrase('.*', (change) => arrow(change)),
];

/** `change` in words, as a sentence without its full stop. */
export function wordsFor(change: JsonChange): string {
  const fitting = PHRASES.find(({ pointer }) => pointer.test(change.pointer));
  return fitting === undefined ? arrow(change) : fitting.words(change);
}

function phrase(pointer: string, words: Phrase['words']): Phrase {
  return { pointer: new RegExp(`^${pointer}$`), words };
}

function describePriority(change: JsonChange): string {
  const isLater = Number(change.after) > Number(change.before);
  return `it runs ${isLater ? 'later' : 'earlier'}: priority ${to(change)}, not ${from(change)}`;
}

function describeDriver(change: JsonChange): string {
  if (change.after === null) return 'its driver is not pinned any more: it cannot be enabled';
  if (change.before === null) return `its driver is pinned to ${to(change)}`;
  return `it runs with another driver package: ${arrow(change)}`;
}

function listWords(what: string, change: JsonChange): string {
  if (change.kind === 'added') return `a ${what} more: ${to(change)}`.replace(/^a a/, 'an a');
  if (change.kind === 'removed') return `a ${what} less: ${from(change)}`.replace(/^a a/, 'an a');
  return `another ${what}: ${arrow(change)}`;
}

function arrow(change: JsonChange): string {
  return `${from(change)} → ${to(change)}`;
}

function from({ before }: JsonChange): string {
  return shown(before);
}

function to({ after }: JsonChange): string {
  return shown(after);
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  const text = typeof value === 'object' ? summary(value) : JSON.stringify(value);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

// An object as its members that say something.
function summary(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Object.entries(value)
    .filter(([, item]) => item !== null)
    .map(([name, item]) => `${name} ${JSON.stringify(item)}`)
    .join(', ');
}
