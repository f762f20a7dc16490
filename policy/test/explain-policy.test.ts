import { readdirSync, readFileSync } from 'node:fs';
import { type CompileOptions, compile } from '@writ/policy/engine/compile';
import { explainCron } from '@writ/policy/engine/explain-cron';
import { explainPolicy } from '@writ/policy/engine/explain-policy';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arbitrarySpec } from './arbitrary-spec.ts';
import { HOST_ID, HYPERVISOR, OPTIONS, POE_OFF, SHUTDOWN, VMS } from './sample-policies.ts';

const explain = suite('explain');

function lines(document: unknown, options: Partial<CompileOptions> = {}): string[] {
  const result = compile(document, { ...OPTIONS, ...options });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return explainPolicy(result.ir).map(({ about, text }) => `${about}: ${text}`);
}

explain('a policy is told line by line, from its triggers to its place among others', () => {
  assert.equal(lines(SHUTDOWN, { inventory: VMS }), [
    'trigger: When a UPS reports low-battery and this has held for 10s.',
    'trigger: When ups.runtime_minutes is at most 8 and this has held for 30s.',
    'trigger: One of these is enough.',
    'condition: Only if runtime_minutes of the ups is at most 10; if that is not known, it does not run.',
    `target: On host ${HOST_ID}, the targets of type vm "101, 100", looked up again at every run.`,
    `target: With the driver package ${HYPERVISOR} and no other.`,
    'action: 1. vm.lifecycle suspend (destructive)',
    'action: 2. vm.lifecycle shutdown (destructive)',
    'window: After a match it stays quiet for 30m about the same subject.',
    'window: The same action on the same target is not done again within 10m.',
    'order: Priority 5: lower ones go first; once it acts, no later policy sees the event.',
  ]);
});

explain('parameters, schedules and what a driver cannot do are told', () => {
  const told = lines(POE_OFF);
  assert.ok(
    told.includes('trigger: When it is 20:30 on Monday, Friday (time zone UTC).'),
    told.join('\n'),
  );
  assert.ok(told.includes('action: 1. poe.port set with confirm true, state "off" (destructive)'));
  const unpinned = { ...POE_OFF, targets: { ...POE_OFF.targets, driver: null } };
  assert.ok(lines(unpinned).includes('target: No driver package is pinned: it cannot be enabled.'));
});

const CRONS: readonly (readonly [cron: string, isLastDay: boolean, words: string])[] = [
  ['5 6 * * *', false, '06:05 on any day'],
  ['30 20 * * 1-5', false, '20:30 on Monday to Friday'],
  ['0 0 * * 0,3', false, '00:00 on Sunday, Wednesday'],
  ['0 0 31 * *', true, '00:00 on day 31 of a month, or the last day of a shorter month'],
  ['0 0 31 * *', false, '00:00 on day 31 of a month'],
  ['*/5 * * * *', false, 'time for the schedule "*/5 * * * *"'],
  ['0 0 13 * 5', false, 'time for the schedule "0 0 13 * 5"'],
];

for (const [cron, isLastDay, words] of CRONS) {
  explain(`the schedule ${cron} is ${words}`, () => {
    assert.is(explainCron(cron, isLastDay), words);
  });
}

explain(
  'every example and every generated policy is told, each trigger and action in a line',
  () => {
    const folder = new URL('../../../examples/', import.meta.url);
    const examples = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
    assert.ok(examples.length >= 13);
    for (const example of examples) {
      const told = lines(example, { hosts: undefined });
      for (const about of ['trigger', 'target', 'action', 'window', 'order'])
        assert.ok(told.some((line) => line.startsWith(`${about}: `)));
    }
    fc.assert(
      fc.property(arbitrarySpec, (document) => {
        const result = compile(document, OPTIONS);
        if (!result.ok) throw new Error(JSON.stringify(result.findings));
        const told = explainPolicy(result.ir);
        assert.is(told.filter(({ about }) => about === 'action').length, result.ir.plan.length);
        for (const { text } of told) assert.not.match(text, /undefined|\[object/);
      }),
      { numRuns: 100 },
    );
  },
);

explain.run();
