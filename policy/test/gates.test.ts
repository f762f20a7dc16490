import { type Compiled, type CompiledPolicy, compile } from '@writ/policy/engine/compile';
import { findDuplicate } from '@writ/policy/engine/duplicate';
import {
  enableGate,
  MAX_TRANSCRIPT_AGE_MS,
  type SaveFacts,
  saveGate,
  type TranscriptFacts,
} from '@writ/policy/engine/gates';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HOST_ID,
  HYPERVISOR,
  OPTIONS,
  POLICY_ID,
  SHUTDOWN,
  SWITCH,
  VMS,
} from './sample-policies.ts';

const gates = suite('save and enable gates');

const NOW = 1_700_000_000_000;
const GOOD = compiled(SHUTDOWN);
const UNPINNED = compiled({ ...SHUTDOWN, targets: { ...SHUTDOWN.targets, driver: null } });
const BLOCKED = compile(
  { ...SHUTDOWN, actions: [{ capability_id: 'vm.lifecycle', verb: 'explode' }] },
  { ...OPTIONS, inventory: VMS },
);
const TRANSCRIPT: TranscriptFacts = {
  id: 'transcript-7',
  semanticDigest: GOOD.digests.semantic,
  driver: HYPERVISOR,
  severity: 'warn',
  isStructural: false,
  timeMs: NOW - 1000,
};
const FACTS: SaveFacts = { duplicate: null, transcript: TRANSCRIPT, nowMs: NOW };

function compiled(document: unknown): CompiledPolicy {
  const result: Compiled = compile(document, { ...OPTIONS, inventory: VMS });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result;
}

gates('a blocker is refused with 400 and names its findings', () => {
  const answer = saveGate(BLOCKED, FACTS);
  assert.is(answer.isAllowed, false);
  if (answer.isAllowed) return;
  assert.is(answer.status, 400);
  assert.is(answer.code, 'policy-blocked');
  assert.equal(
    answer.findings.map(({ code }) => code),
    ['verb-unknown'],
  );
});

gates('a policy that was tried without an error is saved enabled', () => {
  assert.equal(saveGate(GOOD, FACTS), { isAllowed: true, isEnabled: true, disabledBecause: null });
});

gates('a policy whose preflight met an error is stored disabled, whatever its author wrote', () => {
  const answer = saveGate(GOOD, { ...FACTS, transcript: { ...TRANSCRIPT, severity: 'error' } });
  assert.ok(answer.isAllowed);
  if (!answer.isAllowed) return;
  assert.is(answer.isEnabled, false);
  assert.is(answer.disabledBecause?.code, 'preflight-error');
  assert.is(answer.disabledBecause?.transcriptId, 'transcript-7');
});

gates('a policy that was never tried or has no driver is stored disabled', () => {
  const untried = saveGate(GOOD, { ...FACTS, transcript: null });
  assert.is(untried.isAllowed && untried.disabledBecause?.code, 'transcript-missing');
  const unpinned = saveGate(UNPINNED, FACTS);
  assert.is(unpinned.isAllowed && unpinned.disabledBecause?.code, 'policy-erroneous');
});

gates('a policy that its author disabled is stored so without a dry run', () => {
  const disabled = compiled({ ...SHUTDOWN, enabled: false });
  assert.equal(saveGate(disabled, { ...FACTS, transcript: null }), {
    isAllowed: true,
    isEnabled: false,
    disabledBecause: null,
  });
});

gates('a duplicate is refused with 409 and the id of the policy that there is', () => {
  const renamed = compiled({ ...SHUTDOWN, name: 'Another name', notes: 'copied', enabled: false });
  const candidate = {
    policyId: POLICY_ID,
    hostId: HOST_ID,
    semanticDigest: renamed.digests.semantic,
  };
  const other = { ...candidate, policyId: 'ffffffff-0000-4000-8000-000000000002' };
  const first = { ...candidate, policyId: 'ffffffff-0000-4000-8000-000000000001' };
  assert.is(renamed.digests.semantic, GOOD.digests.semantic);
  assert.is(findDuplicate(candidate, [candidate]), null);
  assert.is(findDuplicate(candidate, [{ ...other, hostId: 'elsewhere' }]), null);
  const duplicate = findDuplicate(candidate, [other, candidate, first]);
  assert.equal(duplicate, { policyId: first.policyId });
  const answer = saveGate(renamed, { ...FACTS, duplicate });
  assert.is(answer.isAllowed, false);
  if (answer.isAllowed) return;
  assert.equal([answer.status, answer.existingId], [409, first.policyId]);
});

const REFUSED: readonly (readonly [string, Partial<TranscriptFacts>, string, number])[] = [
  ['an error', { severity: 'error' }, 'preflight-error', 400],
  [
    'a structural fault',
    { isStructural: true, severity: 'error' },
    'driver-structural-mismatch',
    422,
  ],
  ['another content', { semanticDigest: '00'.repeat(32) }, 'transcript-foreign', 400],
  ['a driver that has changed since', { driver: SWITCH }, 'transcript-foreign', 400],
  ['a time long ago', { timeMs: NOW - MAX_TRANSCRIPT_AGE_MS - 1 }, 'transcript-old', 400],
  ['a time to come', { timeMs: NOW + MAX_TRANSCRIPT_AGE_MS + 1 }, 'transcript-old', 400],
];

for (const [what, change, code, status] of REFUSED) {
  gates(`enabling on a transcript of ${what} is refused with its id`, () => {
    const answer = enableGate(GOOD, { ...TRANSCRIPT, ...change }, NOW);
    assert.is(answer.isAllowed, false);
    if (answer.isAllowed) return;
    assert.equal([answer.code, answer.status, answer.transcriptId], [code, status, 'transcript-7']);
  });
}

gates(
  'enabling is allowed on a fresh transcript of the same meaning, to the last millisecond',
  () => {
    const answer = enableGate(GOOD, { ...TRANSCRIPT, timeMs: NOW - MAX_TRANSCRIPT_AGE_MS }, NOW);
    assert.equal(answer, { isAllowed: true, transcriptId: 'transcript-7' });
  },
);

gates('no transcript enables what the compiler refuses', () => {
  for (const policy of [BLOCKED, UNPINNED])
    assert.is(enableGate(policy, TRANSCRIPT, NOW).isAllowed, false);
});

gates.run();
