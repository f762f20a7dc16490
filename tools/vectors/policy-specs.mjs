// Policies in version 1 of the Policy Spec (spec/policy-spec.md): what a document becomes with its defaults, or what
// is wrong with it, each as the code of a finding and a JSON Pointer into the document.

import { createHash } from 'node:crypto';
import { allTriggers, complete, minimal, triggers } from './policy-spec-documents.mjs';
import { FIELD_REFUSALS } from './policy-spec-fields.mjs';
import { TRIGGER_REFUSALS } from './policy-spec-triggers.mjs';
import { invalid, valid } from './scenery.mjs';

const FORMAT = 'policy-spec';

export function* policySpecVectors() {
  yield* validSpecs();
  yield* validTriggers();
  yield* validContents();
  yield* invalidDocuments();
  for (const [name, description, trigger, [code, path]] of TRIGGER_REFUSALS)
    yield invalidSpec(name, description, minimal({ trigger_group: triggers(trigger) }), [
      code,
      `/trigger_group/triggers/0${path}`,
    ]);
  for (const [name, description, changes, finding] of FIELD_REFUSALS)
    yield invalidSpec(name, description, minimal(changes), finding);
}

/** RFC 8785 for values without fractions and without characters beyond U+FFFF in names. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

function validSpec(name, description, document, spec) {
  const spec_digest = createHash('sha256').update(canonical(spec)).digest('hex');
  return valid(FORMAT, name, description, { document }, { spec, spec_digest });
}

function* validSpecs() {
  yield validSpec('minimal', 'Everything that has a default is left out.', minimal(), complete());
  yield validSpec('complete', 'Nothing is left out.', complete(), complete());
  yield validSpec(
    'empty-is-default',
    'An empty list and an empty object are what leaving them out means.',
    minimal({
      conditions: {},
      actions: [{ ...minimal().actions[0], params: {}, idempotency: {} }],
    }),
    complete(),
  );
}

function* validTriggers() {
  const timer = { type: 'timer.at', schedule: null, cron: null, time_zone: 'UTC' };
  const daily = { repeat: 'daily', at: '00:00', days: [], day: null };
  yield validSpec(
    'triggers',
    'Each type of trigger, with as little as it needs.',
    minimal({
      trigger_group: triggers(
        { type: 'metric.threshold', metric: 'room.inlet_celsius', op: '>', value: 34 },
        { type: 'timer.at', schedule: { repeat: 'daily', at: '00:00' } },
        { type: 'timer.at', schedule: { repeat: 'weekly', at: '23:59', days: ['sun', 'mon'] } },
        { type: 'timer.at', schedule: { repeat: 'monthly', at: '12:00', day: 31 } },
        { type: 'timer.at', cron: '*/15 8-18 * jan-mar MON-FRI', time_zone: 'Europe/Berlin' },
        {
          type: 'timer.after',
          after: '31d',
          since_event: { type: 'ups.state', equals: 'low-battery' },
        },
        {
          type: 'timer.after',
          after: '1s',
          since_event: { type: 'webhook.custom', equals: 'deploy' },
        },
        { type: 'webhook.custom', name: 'deploy' },
        { type: 'webhook.custom', name: 'alarm', attrs: { site: 'north', level: 3, test: false } },
      ),
    }),
    complete(
      allTriggers([
        { type: 'metric.threshold', metric: 'room.inlet_celsius', op: '>', value: 34, for: null },
        { ...timer, schedule: daily },
        { ...timer, schedule: { repeat: 'weekly', at: '23:59', days: ['sun', 'mon'], day: null } },
        { ...timer, schedule: { repeat: 'monthly', at: '12:00', days: [], day: 31 } },
        { ...timer, cron: '*/15 8-18 * jan-mar MON-FRI', time_zone: 'Europe/Berlin' },
        {
          type: 'timer.after',
          after: '31d',
          since_event: { type: 'ups.state', equals: 'low-battery' },
        },
        {
          type: 'timer.after',
          after: '1s',
          since_event: { type: 'webhook.custom', equals: 'deploy' },
        },
        { type: 'webhook.custom', name: 'deploy', attrs: {} },
        { type: 'webhook.custom', name: 'alarm', attrs: { site: 'north', level: 3, test: false } },
      ]),
    ),
  );
  const both = [
    { type: 'ups.state', equals: 'mains-returned', for: '24h' },
    { type: 'metric.threshold', metric: 'ups.charge_pct', op: '>=', value: 60, for: '86400s' },
  ];
  yield validSpec(
    'all-with-window',
    'Two triggers that both have to be true within an hour.',
    minimal({ trigger_group: { logic: 'ALL', triggers: both, window: '1h' } }),
    complete(allTriggers(both, 'ALL', '1h')),
  );
}

function* validContents() {
  const conditions = {
    all: [
      { scope: 'ups', field: 'state', op: '!=', value: 'comm-lost' },
      { scope: 'host', field: 'reachable', op: '=', value: true },
      { scope: 'metric', field: 'rack:power_w', op: '<', value: -40 },
      { scope: 'vm', field: 'count_matching', op: '>', value: 0 },
    ],
  };
  yield validSpec(
    'conditions',
    'A condition of each scope.',
    minimal({ conditions }),
    complete({ conditions }),
  );
  const params = {
    constructor: { prototype: [null, true, 1, 'x'] },
    toString: 'text',
    hasOwnProperty: 0,
  };
  yield validSpec(
    'prototype-names',
    'Names that some languages give to members of every object are names like others.',
    minimal({ actions: [{ capability_id: 'a', verb: 'b', params }] }),
    complete({
      actions: [{ capability_id: 'a', verb: 'b', params, idempotency: { key_hint: null } }],
    }),
  );
  const driver = `sha256:${'0f'.repeat(32)}`;
  const text = { name: 'Łąka 電源 🔋', notes: 'Two lines,\n\tone of them indented.' };
  yield validSpec(
    'text-and-driver',
    'Text in any script, notes of several lines, a pinned driver.',
    minimal({ ...text, targets: { ...minimal().targets, driver } }),
    complete({ ...text, targets: { ...complete().targets, driver } }),
  );
}

function invalidSpec(name, description, document, ...findings) {
  const { format, verdict, input, expect } = invalid(FORMAT, name, description, { document });
  const rows = findings.map(([code, path]) => ({ code, path }));
  return { format, verdict, name, description, input, expect: { ...expect, findings: rows } };
}

function* invalidDocuments() {
  yield invalidSpec('not-an-object', 'A list is no policy.', [], ['type-wrong', '']);
  yield invalidSpec(
    'empty',
    'Each missing field is named; the pointer is that of the object that lacks it.',
    {},
    ['field-missing', ''],
    ['field-missing', ''],
    ['field-missing', ''],
    ['field-missing', ''],
  );
  yield invalidSpec('version-unknown', 'Version 2 does not exist.', minimal({ version: 2 }), [
    'version-unknown',
    '/version',
  ]);
  yield invalidSpec('version-text', 'The version is a number.', minimal({ version: '1' }), [
    'version-unknown',
    '/version',
  ]);
  yield invalidSpec(
    'field-unknown',
    'An unknown field is refused wherever it stands.',
    minimal({
      'a/b~c': 1,
      conditions: { any: [] },
      targets: { ...minimal().targets, external_id: 'vm-101' },
    }),
    ['field-unknown', '/conditions/any'],
    ['field-unknown', '/targets/external_id'],
    ['field-unknown', '/a~1b~0c'],
  );
  const proto = JSON.parse('{"__proto__": {"enabled": false}}');
  yield invalidSpec(
    'name-forbidden',
    'No field is called __proto__.',
    minimal({ actions: [{ ...minimal().actions[0], params: proto }] }),
    ['name-forbidden', '/actions/0/params'],
  );
  yield invalidSpec(
    'document-too-large',
    'More than 64,000 bytes in canonical form.',
    minimal({ notes: 'x'.repeat(64_000) }),
    ['document-too-large', ''],
  );
  let deep = 0;
  for (let i = 0; i < 16; i++) deep = [deep];
  yield invalidSpec(
    'document-too-deep',
    'More than 16 objects and lists in one another.',
    minimal({ actions: [{ ...minimal().actions[0], params: { deep } }] }),
    ['document-too-deep', `/actions/0/params/deep${'/0'.repeat(12)}`],
  );
  yield invalidSpec(
    'null-is-not-false',
    'Null stands only where the table of fields says so.',
    minimal({ enabled: null, priority: null }),
    ['type-wrong', '/enabled'],
    ['type-wrong', '/priority'],
  );
}
