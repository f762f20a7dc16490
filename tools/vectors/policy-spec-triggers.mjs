// Triggers that the Policy Spec refuses: the name of the vector, what is wrong, the trigger, and the finding with its
// pointer below the trigger.

export const TRIGGER_REFUSALS = [
  [
    'trigger-type-unknown',
    'There is no such trigger.',
    { type: 'cron', at: '1' },
    ['trigger-type-unknown', '/type'],
  ],
  [
    'trigger-type-family',
    'A trigger names the kind of an event, not its family.',
    { type: 'ups', equals: 'mains-lost' },
    ['trigger-type-unknown', '/type'],
  ],
  ['trigger-without-type', 'The type is missing.', {}, ['field-missing', '']],
  [
    'ups-state-unknown',
    'The states are a closed list.',
    { type: 'ups.state', equals: 'OB' },
    ['ups-state-unknown', '/equals'],
  ],
  ['ups-state-missing', 'The state is missing.', { type: 'ups.state' }, ['field-missing', '']],
  [
    'duration-trailing-text',
    'Nothing follows the unit.',
    ups('5mxyz'),
    ['duration-malformed', '/for'],
  ],
  ['duration-line-end', 'Not even the end of a line.', ups('5m\n'), ['duration-malformed', '/for']],
  ['duration-fraction', 'The number is whole.', ups('1.5h'), ['duration-malformed', '/for']],
  [
    'duration-leading-zero',
    'The number has one spelling.',
    ups('05m'),
    ['duration-malformed', '/for'],
  ],
  ['duration-unit', 'The units are s, m, h and d.', ups('2w'), ['duration-malformed', '/for']],
  ['duration-number', 'A duration is a text.', ups(300), ['type-wrong', '/for']],
  [
    'hold-too-long',
    'A state is waited out for at most 24 hours.',
    ups('25h'),
    ['duration-out-of-range', '/for'],
  ],
  [
    'hold-zero',
    'Zero seconds are no duration: leave the field out.',
    ups('0s'),
    ['duration-out-of-range', '/for'],
  ],
  [
    'metric-malformed',
    'A metric has no spaces in its name.',
    metric({ metric: 'room temperature' }),
    ['metric-malformed', '/metric'],
  ],
  [
    'metric-operator',
    'The comparisons are a closed list.',
    metric({ op: '==' }),
    ['value-unknown', '/op'],
  ],
  [
    'metric-order-of-text',
    'Only numbers have an order.',
    metric({ value: 'hot' }),
    ['value-unordered', '/value'],
  ],
  [
    'metric-value-null',
    'Nothing can be compared with null.',
    metric({ value: null }),
    ['type-wrong', '/value'],
  ],
  [
    'clock-time-24',
    'The last minute of a day is 23:59.',
    at({ at: '24:00' }),
    ['clock-time-malformed', '/schedule/at'],
  ],
  [
    'clock-time-short',
    'Hours have two digits.',
    at({ at: '6:15' }),
    ['clock-time-malformed', '/schedule/at'],
  ],
  [
    'weekday-unknown',
    'Weekdays are mon to sun.',
    at({ repeat: 'weekly', days: ['monday'] }),
    ['weekday-unknown', '/schedule/days/0'],
  ],
  [
    'weekday-repeated',
    'A weekday stands once.',
    at({ repeat: 'weekly', days: ['mon', 'mon'] }),
    ['weekday-repeated', '/schedule/days'],
  ],
  [
    'weekdays-missing',
    'A weekly schedule has days.',
    at({ repeat: 'weekly' }),
    ['weekdays-missing', '/schedule'],
  ],
  [
    'weekdays-unexpected',
    'A daily schedule has none.',
    at({ days: ['mon'] }),
    ['weekdays-unexpected', '/schedule/days'],
  ],
  [
    'day-missing',
    'A monthly schedule has a day.',
    at({ repeat: 'monthly' }),
    ['day-missing', '/schedule'],
  ],
  [
    'day-unexpected',
    'A daily schedule has none.',
    at({ day: 1 }),
    ['day-unexpected', '/schedule/day'],
  ],
  [
    'day-32',
    'No month has 32 days.',
    at({ repeat: 'monthly', day: 32 }),
    ['number-too-large', '/schedule/day'],
  ],
  [
    'schedule-and-cron',
    'One of both, not both.',
    { ...at({}), cron: '0 6 * * *' },
    ['schedule-ambiguous', ''],
  ],
  [
    'schedule-missing',
    'One of both, not neither.',
    { type: 'timer.at' },
    ['schedule-ambiguous', ''],
  ],
  [
    'cron-seconds',
    'There is no field of seconds.',
    cron('0 0 6 * * *'),
    ['cron-malformed', '/cron'],
  ],
  [
    'cron-spaces',
    'One space stands between two fields.',
    cron('0  6 * * *'),
    ['cron-malformed', '/cron'],
  ],
  [
    'cron-range-backwards',
    'A range does not run backwards.',
    cron('0 18-6 * * *'),
    ['cron-malformed', '/cron'],
  ],
  ['cron-step-zero', 'A step is at least 1.', cron('*/0 * * * *'), ['cron-malformed', '/cron']],
  ['cron-minute-60', 'The last minute is 59.', cron('60 * * * *'), ['cron-malformed', '/cron']],
  [
    'cron-macro',
    'There are no names for whole expressions.',
    cron('@daily'),
    ['cron-malformed', '/cron'],
  ],
  [
    'cron-never-runs',
    'No year has a 30 February.',
    cron('0 0 30 2 *'),
    ['cron-never-runs', '/cron'],
  ],
  [
    'cron-never-runs-short-months',
    'None of these months has 31 days.',
    cron('0 0 31 4,6,9,11 *'),
    ['cron-never-runs', '/cron'],
  ],
  [
    'time-zone-unknown',
    'Zones are those of the tz database.',
    { ...at({}), time_zone: 'Mars/Olympus' },
    ['time-zone-unknown', '/time_zone'],
  ],
  [
    'time-zone-offset',
    'An offset is no zone.',
    { ...at({}), time_zone: '+01:00' },
    ['time-zone-unknown', '/time_zone'],
  ],
  [
    'after-missing',
    'What it counts from is missing.',
    { type: 'timer.after', after: '5m' },
    ['field-missing', ''],
  ],
  ['after-zero', 'Zero is no wait.', after({ after: '0m' }), ['duration-out-of-range', '/after']],
  [
    'since-event-endless',
    'Nothing says when this state ends.',
    after({ since_event: { type: 'ups.state', equals: 'overload' } }),
    ['since-event-endless', '/since_event/equals'],
  ],
  [
    'since-event-state-unknown',
    'The states are a closed list.',
    after({ since_event: { type: 'ups.state', equals: 'dark' } }),
    ['ups-state-unknown', '/since_event/equals'],
  ],
  [
    'since-event-type',
    'Timers do not count from timers.',
    after({ since_event: { type: 'timer.at', equals: 'x' } }),
    ['value-unknown', '/since_event/type'],
  ],
  [
    'webhook-malformed',
    'A name has no spaces.',
    { type: 'webhook.custom', name: 'de ploy' },
    ['webhook-malformed', '/name'],
  ],
  [
    'webhook-attribute',
    'Attributes are numbers, texts, true and false.',
    { type: 'webhook.custom', name: 'x', attrs: { a: { b: 1 } } },
    ['type-wrong', '/attrs/a'],
  ],
];

export function ups(held) {
  return { type: 'ups.state', equals: 'mains-lost', for: held };
}

function metric(changes) {
  return { type: 'metric.threshold', metric: 'room.inlet_celsius', op: '>', value: 34, ...changes };
}

function at(changes) {
  return { type: 'timer.at', schedule: { repeat: 'daily', at: '06:00', ...changes } };
}

function cron(text) {
  return { type: 'timer.at', cron: text };
}

function after(changes) {
  const since_event = { type: 'ups.state', equals: 'mains-lost' };
  return { type: 'timer.after', after: '5m', since_event, ...changes };
}
