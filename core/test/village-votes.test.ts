// From a proposal to its activation: votes, quorums, expiry, competition (spec/villages.md section 6).

import { formatHex } from '@writ/core/bytes';
import { countingVoters } from '@writ/core/streams/constitution-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  count,
  foundedWorld,
  inForce,
  keyOf,
  member,
  OTHER_POLICY,
  POLICY,
  policyRule,
  START,
  spec,
  VILLAGE,
} from './village-world.ts';

const test = suite('votes');

test('a proposal becomes active with the approval that meets the quorum, its author counting once', () => {
  const world = foundedWorld(policyRule({ quorum: count(3) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  assert.is(inForce(world), 0);
  const vote = { kind: 'approve', proposal } as const;
  assert.is(world.refusal(VILLAGE, vote, 'ben').code, 'already-voted');
  assert.is(world.effect(VILLAGE, vote, 'cid').result, 'approved');
  assert.is(world.refusal(VILLAGE, vote, 'cid').code, 'already-voted');
  const stop = { kind: 'activate', proposal } as const;
  assert.is(world.why(VILLAGE, stop, 'ben'), 'quorum-not-met by constitution.rules.policy.quorum');
  assert.is(
    world.why(VILLAGE, vote, 'eve'),
    'author-lacks-role by constitution.rules.policy.approvers',
  );
  assert.is(inForce(world), 0);
  assert.is(world.effect(VILLAGE, vote, 'dot').result, 'activated');
  assert.is(inForce(world), 1);
  assert.is(world.village.proposals.size, 0);
  const late = world.refusal(VILLAGE, vote, 'dot');
  assert.is(late.code, 'proposal-closed');
  assert.is(late.detail['end'], 'activated');
});

test('an author who may not approve does not count', () => {
  const law = policyRule({ authors: ['admin'], quorum: count(1) });
  const world = foundedWorld(law);
  const proposal = world.add(VILLAGE, change(1), 'ada');
  assert.is(inForce(world), 0);
  world.add(VILLAGE, { kind: 'approve', proposal }, 'dot');
  assert.is(inForce(world), 1);
});

test('a member with two keys counts once', () => {
  const base = constitution();
  const members = base.members.map((one) =>
    one.name === 'ben' ? member('ben', one.roles, ['ben', 'ben at home']) : one,
  );
  const world = foundedWorld({ ...policyRule({ quorum: count(2) }), members });
  const proposal = world.add(VILLAGE, change(1), 'ben');
  assert.is(
    world.refusal(VILLAGE, { kind: 'approve', proposal }, 'ben at home').code,
    'already-voted',
  );
  assert.is(inForce(world), 0);
});

test('a weighted quorum adds the weights of its approvers', () => {
  const world = foundedWorld(policyRule({ quorum: { kind: 'weight', threshold: 4 } }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(inForce(world), 0);
  world.add(VILLAGE, { kind: 'approve', proposal }, 'dot');
  assert.is(inForce(world), 1);
});

test('a quorum by role wants each role its own number of times', () => {
  const approvers = ['approver', 'admin'];
  const roles = new Map([
    ['admin', 1],
    ['approver', 2],
  ]);
  const world = foundedWorld(policyRule({ approvers, quorum: { kind: 'roles', roles } }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const vote = { kind: 'approve', proposal } as const;
  world.add(VILLAGE, vote, 'cid');
  world.add(VILLAGE, { ...vote }, 'dot');
  assert.is(inForce(world), 0);
  world.add(VILLAGE, vote, 'ada');
  assert.is(inForce(world), 1);
});

test('of competing proposals the first that activates supersedes the others', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const first = world.add(VILLAGE, change(1), 'ben');
  const second = world.add(VILLAGE, change(1, { spec: spec('other') }), 'cid');
  const elsewhere = world.add(VILLAGE, change(1, { policy: OTHER_POLICY }), 'cid');
  const effect = world.effect(VILLAGE, { kind: 'approve', proposal: second }, 'dot');
  assert.equal(effect.superseded, [formatHex(first)]);
  const late = world.refusal(VILLAGE, { kind: 'approve', proposal: first }, 'dot');
  assert.is(late.code, 'proposal-closed');
  assert.is(late.detail['end'], 'superseded');
  world.add(VILLAGE, { kind: 'approve', proposal: elsewhere }, 'dot');
  assert.is(inForce(world, OTHER_POLICY), 1);
});

test('an expired proposal is neither approved nor activated', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.setTime(START + 3599);
  const other = world.add(VILLAGE, change(1), 'cid');
  world.setTime(START + 3600);
  for (const kind of ['approve', 'reject', 'activate', 'withdraw'] as const) {
    assert.is(
      world.why(VILLAGE, { kind, proposal }, kind === 'withdraw' ? 'ben' : 'cid'),
      'proposal-expired by constitution.rules.policy.expiresAfterSeconds',
    );
  }
  world.add(VILLAGE, { kind: 'approve', proposal: other }, 'ben');
  assert.is(inForce(world), 1);
});

test('what expired makes room for new proposals and is remembered for a while', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.setTime(START + 3600);
  world.add(VILLAGE, change(1, { policy: OTHER_POLICY }), 'ben');
  const late = world.refusal(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(late.code, 'proposal-closed');
  assert.is(late.detail['end'], 'expired');
});

test('a proposal without an expiry stays open', () => {
  const world = foundedWorld(policyRule({ quorum: count(2), expiresAfterSeconds: null }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.setTime(START * 2);
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(inForce(world), 1);
});

test('a proposal that asks for a later time waits for it, and for somebody to activate it', () => {
  const world = foundedWorld();
  const notBefore = { timeSeconds: START + 60, index: null };
  const proposal = world.add(VILLAGE, change(1, { notBefore }), 'ben');
  const stop = { kind: 'activate', proposal } as const;
  world.setTime(START + 59);
  assert.is(world.why(VILLAGE, stop, 'ben'), 'not-yet by village.not-before');
  world.setTime(START + 60);
  assert.is(
    world.why(VILLAGE, stop, 'eve'),
    'author-lacks-role by constitution.rules.policy.authors',
  );
  assert.is(world.effect(VILLAGE, stop, 'cid').result, 'activated');
  assert.is(inForce(world), 1);
});

test('a proposal that asks for a later position waits for it', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const index = world.entries.length + 3;
  const notBefore = { timeSeconds: null, index };
  const proposal = world.add(VILLAGE, change(1, { notBefore }), 'ben');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(world.refusal(VILLAGE, { kind: 'activate', proposal }, 'cid').code, 'not-yet');
  world.setTime(START + 1);
  world.add(VILLAGE, { kind: 'activate', proposal }, 'cid');
  assert.is(world.village.policies.get(POLICY)?.index, index);
});

test('waiting is refused where the rule forbids it or the proposal would expire first', () => {
  const notBefore = { timeSeconds: START + 3600, index: null };
  const expires = foundedWorld().why(VILLAGE, change(1, { notBefore }), 'ben');
  assert.is(expires, 'never-active by constitution.rules.policy.expiresAfterSeconds');
  const world = foundedWorld(policyRule({ notBefore: false }));
  assert.is(
    world.why(VILLAGE, change(1, { notBefore }), 'ben'),
    'not-before-forbidden by constitution.rules.policy.notBefore',
  );
});

test('rejections close a proposal when the others could no longer pass it', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const vote = { kind: 'reject', proposal } as const;
  assert.is(world.refusal(VILLAGE, vote, 'ben').code, 'already-voted');
  world.add(VILLAGE, vote, 'cid');
  assert.is(world.village.proposals.size, 1);
  assert.is(world.refusal(VILLAGE, { kind: 'approve', proposal }, 'cid').code, 'already-voted');
  world.add(VILLAGE, vote, 'dot');
  assert.is(world.village.proposals.size, 0);
  const late = world.refusal(VILLAGE, { kind: 'activate', proposal }, 'ben');
  assert.is(late.detail['end'], 'rejected');
});

test('only the member that proposed withdraws', () => {
  const world = foundedWorld(policyRule({ quorum: count(2) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const withdraw = { kind: 'withdraw', proposal } as const;
  assert.is(world.why(VILLAGE, withdraw, 'cid'), 'author-not-proposer by village.withdraw');
  assert.is(world.effect(VILLAGE, withdraw, 'ben').result, 'withdrawn');
  const late = world.refusal(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(late.detail['end'], 'withdrawn');
});

test('votes on what was never proposed are refused', () => {
  const world = foundedWorld();
  const proposal = new Uint8Array(32).fill(3);
  for (const kind of ['approve', 'reject', 'withdraw', 'activate'] as const) {
    assert.is(
      world.why(VILLAGE, { kind, proposal }, 'ben'),
      'proposal-unknown by village.proposals',
    );
  }
});

test('approvals count by the constitution that is in force when they are added up', () => {
  const before = policyRule({ quorum: count(3) });
  const world = foundedWorld(before);
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  const members = before.members.filter(({ name }) => name !== 'ben');
  const lower = { ...policyRule({ quorum: count(2) }), members };
  const amend = { kind: 'constitution-amend', version: 2, reason: 'ben left' } as const;
  world.add(VILLAGE, { ...amend, constitution: lower }, 'ada');
  const stop = { kind: 'activate', proposal } as const;
  assert.is(world.refusal(VILLAGE, stop, 'cid').code, 'quorum-not-met');
  const effect = world.effect(VILLAGE, { kind: 'approve', proposal }, 'dot');
  assert.is(effect.result, 'activated');
  assert.equal(effect.by.constitution, { version: 2, seq: 3, index: 4 });
});

test('a lower quorum lets a waiting proposal be activated, never by itself', () => {
  const world = foundedWorld(policyRule({ quorum: count(3) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const law = policyRule({ quorum: count(1) });
  const amend = { kind: 'constitution-amend', version: 2, constitution: law, reason: '' } as const;
  world.add(VILLAGE, amend, 'ada');
  assert.is(inForce(world), 0);
  world.add(VILLAGE, { kind: 'activate', proposal }, 'cid');
  assert.is(inForce(world), 1);
});

test('approvers without keys do not keep a proposal open', () => {
  const base = policyRule({ quorum: count(2) });
  const world = foundedWorld(base);
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const key = keyOf('dot').publicKey;
  world.add(VILLAGE, { kind: 'key-revoke', member: 'dot', key, reason: 'lost' }, 'dot');
  world.add(VILLAGE, { kind: 'reject', proposal }, 'cid');
  assert.is(world.village.closed.at(-1)?.end, 'rejected');
});

test('an author who becomes an approver has not approved yet', () => {
  const before = policyRule({ authors: ['admin'], quorum: count(2) });
  const world = foundedWorld(before);
  const proposal = world.add(VILLAGE, change(1), 'ada');
  const members = before.members.map((one) =>
    one.name === 'ada' ? { ...one, roles: ['admin', 'approver'] } : one,
  );
  const law = { ...before, members };
  const amend = { kind: 'constitution-amend', version: 2, constitution: law, reason: '' } as const;
  world.add(VILLAGE, amend, 'ada');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(inForce(world), 0);
  world.add(VILLAGE, { kind: 'approve', proposal }, 'ada');
  assert.is(inForce(world), 1);
});

test('a list that names a member twice counts it once', () => {
  const { village } = foundedWorld();
  const ballots = [1, 2, 3].map((seq) => ({ member: 'ben', seq }));
  const { policy } = village.law.rules;
  assert.equal(
    countingVoters(village, policy, ballots).map(({ name }) => name),
    ['ben'],
  );
});

test.run();
