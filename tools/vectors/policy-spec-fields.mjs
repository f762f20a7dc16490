// Fields of a policy that the Policy Spec refuses: the name of the vector, what is wrong, what differs from the smallest
// policy, and the finding with its pointer.

import { HOST, minimal, triggers } from './policy-spec-documents.mjs';
import { ups } from './policy-spec-triggers.mjs';

const { targets, actions } = minimal();
const condition = { scope: 'ups', field: 'charge_pct', op: '<', value: 20 };
const many = (item, count) => Array.from({ length: count }, () => item);

export const FIELD_REFUSALS = [
  [
    'name-too-short',
    'A name has at least three characters.',
    { name: 'ab' },
    ['text-too-small', '/name'],
  ],
  [
    'name-too-long',
    'A name has at most 200 characters.',
    { name: 'x'.repeat(201) },
    ['text-too-large', '/name'],
  ],
  [
    'name-blank',
    'A name does not begin or end with white space.',
    { name: '   ' },
    ['text-malformed', '/name'],
  ],
  [
    'name-control-character',
    'A name moves no cursor.',
    { name: 'a\u001b[2Jb' },
    ['text-malformed', '/name'],
  ],
  [
    'priority-fraction',
    'A priority is a whole number.',
    { priority: 0.5 },
    ['type-wrong', '/priority'],
  ],
  [
    'priority-unsafe',
    'A priority is a number that every language holds exactly.',
    { priority: 2 ** 53 },
    ['number-too-large', '/priority'],
  ],
  [
    'triggers-empty',
    'There is at least one trigger.',
    { trigger_group: triggers() },
    ['list-too-small', '/trigger_group/triggers'],
  ],
  [
    'triggers-too-many',
    'There are at most 32 triggers.',
    { trigger_group: triggers(...many(ups('1s'), 33)) },
    ['list-too-large', '/trigger_group/triggers'],
  ],
  [
    'logic-unknown',
    'ALL and ANY are upper case.',
    { trigger_group: { ...triggers(ups('1s')), logic: 'any' } },
    ['value-unknown', '/trigger_group/logic'],
  ],
  [
    'correlation-window-too-long',
    'A window is at most 31 days.',
    { trigger_group: { ...triggers(ups('1s')), window: '32d' } },
    ['duration-out-of-range', '/trigger_group/window'],
  ],
  [
    'conditions-too-many',
    'There are at most 32 conditions.',
    { conditions: { all: many(condition, 33) } },
    ['list-too-large', '/conditions/all'],
  ],
  [
    'condition-scope',
    'The scopes are a closed list.',
    { conditions: { all: [{ ...condition, scope: 'switch' }] } },
    ['value-unknown', '/conditions/all/0/scope'],
  ],
  [
    'condition-order-of-truth',
    'Only numbers have an order.',
    { conditions: { all: [{ ...condition, value: true }] } },
    ['value-unordered', '/conditions/all/0/value'],
  ],
  [
    'host-id-name',
    'A host is named by its UUID.',
    { targets: { ...targets, host_id: 'pve1' } },
    ['uuid-malformed', '/targets/host_id'],
  ],
  [
    'host-id-upper-case',
    'A UUID has one spelling.',
    { targets: { ...targets, host_id: HOST.toUpperCase() } },
    ['uuid-malformed', '/targets/host_id'],
  ],
  [
    'target-type-malformed',
    'An identifier has no spaces.',
    { targets: { ...targets, target_type: 'poe port' } },
    ['identifier-malformed', '/targets/target_type'],
  ],
  [
    'selector-mode',
    'The modes are a closed list.',
    { targets: { ...targets, selector: { mode: 'regex', value: '.*' } } },
    ['value-unknown', '/targets/selector/mode'],
  ],
  [
    'selector-empty',
    'A selector is not empty.',
    { targets: { ...targets, selector: { mode: 'list', value: '' } } },
    ['text-too-small', '/targets/selector/value'],
  ],
  [
    'driver-malformed',
    'A driver is named by the digest of its package.',
    { targets: { ...targets, driver: 'latest' } },
    ['driver-malformed', '/targets/driver'],
  ],
  [
    'actions-empty',
    'There is at least one action.',
    { actions: [] },
    ['list-too-small', '/actions'],
  ],
  [
    'actions-too-many',
    'There are at most 32 actions.',
    { actions: many(actions[0], 33) },
    ['list-too-large', '/actions'],
  ],
  [
    'params-list',
    'Parameters are an object.',
    { actions: [{ ...actions[0], params: [] }] },
    ['type-wrong', '/actions/0/params'],
  ],
  [
    'suppression-too-long',
    'A window is at most 31 days.',
    { suppression_window: '745h' },
    ['duration-out-of-range', '/suppression_window'],
  ],
  [
    'idempotency-zero',
    'A window is at least a second.',
    { idempotency_window: '0s' },
    ['duration-out-of-range', '/idempotency_window'],
  ],
  [
    'notes-too-long',
    'Notes have at most 16,000 characters.',
    { notes: 'x'.repeat(16_001) },
    ['text-too-large', '/notes'],
  ],
];
