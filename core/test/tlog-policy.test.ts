// Trust policies of C2SP tlog-policy.

import { utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { formatVkey } from '@writ/core/formats/key';
import {
  isQuorumMet,
  MAX_POLICY_BYTES,
  parsePolicy,
  type TrustPolicy,
} from '@writ/core/formats/tlog-policy';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_KEY, signerFor } from './keyring.ts';
import { mutantsOf, refusal } from './mutants.ts';

const test = suite('trust policies');
const WITNESSES = Array.from({ length: 6 }, (_, i) => formatVkey(signerFor(`w${i}.example`, 4)));
const HEAD = [`log ${formatVkey(LOG_KEY)} https://log.example/`];
for (const [i, vkey] of WITNESSES.entries()) HEAD.push(`witness w${i} ${vkey}`);

function policyOf(...lines: readonly string[]): TrustPolicy {
  return parsePolicy(utf8(`${[...HEAD, ...lines].join('\n')}\n`));
}

function isMet(policy: TrustPolicy, ...names: readonly string[]): boolean {
  return isQuorumMet(policy, new Set(names));
}

test('logs, witnesses, groups and quorum come out as written', () => {
  const policy = policyOf('group g 2 w0 w1 w2', 'quorum g');
  assert.is(policy.logs[0]?.url, 'https://log.example/');
  assert.is(policy.logs[0]?.key.name, 'log.example');
  assert.equal([...policy.witnesses.keys()], ['w0', 'w1', 'w2', 'w3', 'w4', 'w5']);
  assert.equal(policy.groups.get('g'), { name: 'g', threshold: 2, members: ['w0', 'w1', 'w2'] });
  assert.is(policy.quorum, 'g');
});

test('a quorum is met exactly as its groups say, for every set of witnesses', () => {
  const policy = policyOf(
    'group x 2 w0 w1 w2',
    'group y any w3 w4 w5',
    'group z all x y',
    'quorum z',
  );
  for (let set = 0; set < 64; set++) {
    const has = (i: number): number => (set >> i) & 1;
    const names = [0, 1, 2, 3, 4, 5].filter((i) => has(i) === 1).map((i) => `w${i}`);
    const expected = has(0) + has(1) + has(2) >= 2 && has(3) + has(4) + has(5) >= 1;
    assert.is(isMet(policy, ...names), expected, names.join(' '));
  }
});

test('more cosignatures never lose a quorum', () => {
  const policies = [1, 2, 3, 4, 5, 6].map((k) =>
    policyOf(`group g ${k} w0 w1 w2 w3 w4 w5`, 'quorum g'),
  );
  const names = fc.uniqueArray(fc.constantFrom('w0', 'w1', 'w2', 'w3', 'w4', 'w5'));
  fc.assert(
    fc.property(fc.constantFrom(...policies), names, names, (policy, some, more) => {
      return !isMet(policy, ...some) || isMet(policy, ...some, ...more);
    }),
  );
});

test('names of groups, of the quorum and of strangers are no cosignatures', () => {
  const policy = policyOf('group g 2 w0 w1', 'quorum g');
  assert.not(isMet(policy, 'g'));
  assert.not(isMet(policy, 'w0', 'g'));
  assert.not(isMet(policy, 'w0', 'constructor', '__proto__'));
  assert.ok(isMet(policyOf('quorum none')));
});

test('no mutant of a policy ends in anything but a policy or a coded refusal', () => {
  const good = utf8(`witness w0 ${WITNESSES[0]}\ngroup g 1 w0\nquorum g\n`);
  let refused = 0;
  for (const mutant of mutantsOf(good)) {
    try {
      parsePolicy(mutant);
    } catch (error) {
      if (!isLogError(error)) throw error;
      assert.ok(error.code === 'policy-malformed' || error.code === 'key-weak', error.code);
      assert.type(error.detail['line'], 'number');
      refused++;
    }
  }
  assert.ok(refused > 500);
});

test('refusals name the line', () => {
  const lines = ['quorum none', '# fine', 'quorum none'];
  assert.throws(
    () => policyOf(...lines),
    (error: unknown) => isLogError(error, 'policy-malformed') && error.detail['line'] === 10,
  );
});

test('a policy ends at 512 KiB', () => {
  const comment = `#${'x'.repeat(MAX_POLICY_BYTES)}\n`;
  refusal(() => parsePolicy(utf8(`${comment}quorum none\n`)), 'policy-malformed');
});

test.run();
