// Villages: creation and the way from a proposal to its activation (spec/villages.md sections 4 to 6).

import { formatHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { versionOf } from '@writ/core/streams/village';
import { MAX_CLOSED } from '@writ/core/streams/village-state';
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
  rule,
  START,
  spec,
  VILLAGE,
  World,
} from './village-world.ts';

const test = suite('villages');

function found(law: Constitution): Payload {
  return { kind: 'village-create', name: 'North Grid', constitution: law };
}

function foundingRefusal(law: Constitution, label = 'ada'): string {
  return new World().why(VILLAGE, found(law), label);
}

test('a village begins with a constitution that a member who may amend it has signed', () => {
  const { village } = foundedWorld();
  assert.is(village.name, 'North Grid');
  assert.equal(village.constitution, { version: 1, seq: 0, index: 1 });
  assert.is(village.keys.size, 5);
});

test('a village is founded by nobody but a member with the role for amendments', () => {
  const law = constitution();
  assert.is(foundingRefusal(law, 'mallory'), 'author-not-member by constitution.members');
  assert.is(
    foundingRefusal(law, 'ben'),
    'author-lacks-role by constitution.rules.constitution.authors',
  );
});

test('nothing stands in a village before it is created, and it is created once', () => {
  assert.is(new World().why(VILLAGE, change(1), 'ben'), 'village-unknown by village.create');
  const again = foundedWorld().why(VILLAGE, found(constitution()), 'ada');
  assert.is(again, 'kind-out-of-place by village.village-create');
});

const BASE = constitution();
const UNWORKABLE: readonly (readonly [reason: string, law: Constitution, refusal: string])[] = [
  [
    'asks for more approvals than there are approvers',
    policyRule({ quorum: count(4) }),
    'quorum-unreachable by constitution.rules.policy.quorum',
  ],
  [
    'asks for more weight than there is',
    policyRule({ quorum: { kind: 'weight', threshold: 6 } }),
    'quorum-unreachable by constitution.rules.policy.quorum',
  ],
  [
    'asks for more holders of a role than there are',
    policyRule({ quorum: { kind: 'roles', roles: new Map([['approver', 4]]) } }),
    'quorum-unreachable by constitution.rules.policy.quorum',
  ],
  [
    'names a role in a quorum whose holders may not approve',
    policyRule({ quorum: { kind: 'roles', roles: new Map([['admin', 1]]) } }),
    'quorum-unreachable by constitution.rules.policy.quorum',
  ],
  [
    'names a role that nobody has',
    policyRule({ authors: ['author', 'pope'] }),
    'role-unheld by constitution.rules.policy.authors',
  ],
  [
    'names a role in a quorum that nobody has',
    policyRule({ quorum: { kind: 'roles', roles: new Map([['pope', 1]]) } }),
    'role-unheld by constitution.rules.policy.quorum',
  ],
  [
    'can be amended only by a role that only an amendment could give',
    constitution({ rules: { ...BASE.rules, constitution: rule({ approvers: ['pope'] }) } }),
    'role-unheld by constitution.rules.constitution.approvers',
  ],
  [
    'counts on approvers without keys',
    constitution({
      rules: { ...BASE.rules, members: rule({ authors: ['admin'], approvers: ['ghost'] }) },
      members: [...BASE.members, member('gus', ['ghost'], [])],
    }),
    'role-unheld by constitution.rules.members.approvers',
  ],
  [
    'asks more of quarantine than its approvers can give',
    constitution({
      quarantine: {
        approvers: ['approver'],
        quorum: count(4),
        expiresAfterSeconds: 60,
        proposalsOpen: 1,
        statementsPerDay: 1,
      },
    }),
    'quorum-unreachable by constitution.quarantine.quorum',
  ],
  [
    'gives one key to two members',
    constitution({ members: [...BASE.members, member('ada-too', ['admin'], ['ada'])] }),
    'key-shared by constitution.members.keys',
  ],
  [
    'gives one key to one member twice',
    constitution({ members: [...BASE.members, member('gus', [], ['gus', 'gus'])] }),
    'key-shared by constitution.members.keys',
  ],
  [
    'lists a member twice',
    constitution({ members: [...BASE.members, member('ada', ['admin'], ['ada 2'])] }),
    'member-twice by constitution.members',
  ],
  [
    'lists a weak key',
    constitution({
      members: [
        ...BASE.members,
        { name: 'gus', roles: [], weight: 1, keys: [Uint8Array.of(1, ...new Uint8Array(31))] },
      ],
    }),
    'key-weak by constitution.members.keys',
  ],
];

for (const [reason, law, refusal] of UNWORKABLE) {
  test(`a constitution that ${reason} is refused`, () => {
    assert.is(foundingRefusal(law), refusal);
  });

  test(`an amendment that ${reason} is refused`, () => {
    const amend = {
      kind: 'constitution-amend',
      version: 2,
      constitution: law,
      reason: '',
    } as const;
    assert.is(foundedWorld().why(VILLAGE, amend, 'ada'), refusal);
  });
}

test('with a quorum of one, one statement changes a policy', () => {
  const world = foundedWorld();
  const effect = world.effect(VILLAGE, change(1), 'ben');
  assert.is(effect.result, 'activated');
  assert.is(effect.rule, 'constitution.rules.policy.quorum');
  assert.equal(effect.by, {
    keyId: effect.by.keyId,
    member: 'ben',
    constitution: { version: 1, seq: 0, index: 1 },
  });
  const policy = world.village.policies.get(POLICY);
  assert.is(formatHex(policy?.digest ?? new Uint8Array()), formatHex(sha256(spec('version 1'))));
  assert.is(policy?.index, 2);
  assert.is(policy?.timeSeconds, START);
});

test('only roles that the rule names may propose, and only members may speak', () => {
  const world = foundedWorld();
  const rulePath = 'constitution.rules.policy.authors';
  assert.is(world.why(VILLAGE, change(1), 'eve'), `author-lacks-role by ${rulePath}`);
  assert.is(world.why(VILLAGE, change(1), 'dot'), `author-lacks-role by ${rulePath}`);
  const refusal = world.refusal(VILLAGE, change(1), 'mallory');
  assert.is(refusal.code, 'author-not-member');
  assert.is(refusal.by.member, null);
  assert.equal(refusal.by.constitution, { version: 1, seq: 0, index: 1 });
});

test('versions follow each other without a gap', () => {
  const world = foundedWorld();
  for (const version of [0, 2, 7]) {
    const refusal = world.refusal(VILLAGE, change(version), 'ben');
    assert.is(refusal.code, 'version-wrong');
    assert.is(refusal.detail['expected'], 1);
  }
  world.add(VILLAGE, change(1), 'ben');
  assert.is(world.refusal(VILLAGE, change(1), 'ben').code, 'version-wrong');
  world.add(VILLAGE, change(2), 'cid');
  world.add(VILLAGE, change(1, { policy: OTHER_POLICY }), 'cid');
  assert.is(inForce(world), 2);
  assert.is(inForce(world, OTHER_POLICY), 1);
});

test('a statement that does not stand at the head of the village is refused', () => {
  const world = foundedWorld();
  const { head } = world.village;
  const far = world.offer(world.sign(VILLAGE, change(1), keyOf('ben'), { seq: 3 }));
  assert.is(far.admitted ? '' : far.refusal.code, 'position-wrong');
  const previous = new Uint8Array(32).fill(9);
  const forked = world.offer(world.sign(VILLAGE, change(1), keyOf('ben'), { previous }));
  assert.is(forked.admitted ? '' : forked.refusal.code, 'predecessor-unknown');
  const stale = world.sign(VILLAGE, change(1), keyOf('ben'));
  world.add(VILLAGE, change(1, { policy: OTHER_POLICY }), 'ben');
  const late = world.offer(stale);
  assert.is(late.admitted ? '' : late.refusal.code, 'position-wrong');
  assert.is(world.village.head.seq, head.seq + 1);
});

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

test('a rollback is a version of its own with an earlier spec', () => {
  const world = foundedWorld();
  const first = world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, change(2), 'ben');
  const back: Payload = {
    kind: 'policy-rollback',
    policy: POLICY,
    version: 3,
    toVersion: 1,
    reason: 'version 2 sheds too much',
  };
  assert.is(world.refusal(VILLAGE, { ...back, version: 2 }, 'ben').code, 'version-wrong');
  assert.is(world.refusal(VILLAGE, { ...back, toVersion: 3 }, 'ben').code, 'version-without-spec');
  assert.is(
    world.refusal(VILLAGE, { ...back, policy: OTHER_POLICY, version: 1 }, 'ben').code,
    'policy-unknown',
  );
  world.add(VILLAGE, back, 'cid');
  const latest = world.village.policies.get(POLICY);
  assert.is(latest?.version, 3);
  assert.is(formatHex(latest?.source ?? new Uint8Array()), formatHex(first));
  assert.equal(latest?.digest, sha256(spec('version 1')));
  assert.is(latest === undefined ? null : versionOf(latest, 2)?.version, 2);
});

test('a policy is switched off as a version, and on again by the next', () => {
  const world = foundedWorld();
  const off = { kind: 'policy-disable', policy: POLICY, reason: '' } as const;
  assert.is(world.refusal(VILLAGE, { ...off, version: 1 }, 'ben').code, 'policy-unknown');
  world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, { ...off, version: 2 }, 'ben');
  assert.is(world.village.policies.get(POLICY)?.digest, null);
  assert.is(world.refusal(VILLAGE, { ...off, version: 3 }, 'ben').code, 'policy-disabled');
  const back = { kind: 'policy-rollback', policy: POLICY, version: 3, reason: '' } as const;
  assert.is(world.refusal(VILLAGE, { ...back, toVersion: 2 }, 'ben').code, 'version-without-spec');
  world.add(VILLAGE, { ...back, toVersion: 1 }, 'ben');
  assert.equal(world.village.policies.get(POLICY)?.digest, sha256(spec('version 1')));
});

test('a spec larger than the village allows is refused', () => {
  const large = change(1, { spec: spec('x'.repeat(1000)) });
  const refusal = foundedWorld().refusal(VILLAGE, large, 'ben');
  assert.is(refusal.code, 'spec-too-large');
  assert.is(refusal.rule, 'constitution.limits.specBytes');
  assert.is(refusal.detail['limit'], 1000);
});

test('a member has so many statements in a day of the log, and others keep theirs', () => {
  const { limits } = constitution();
  const world = foundedWorld(constitution({ limits: { ...limits, statementsPerDay: 2 } }));
  world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, change(2), 'ben');
  assert.is(
    world.why(VILLAGE, change(3), 'ben'),
    'quota-exceeded by constitution.limits.statementsPerDay',
  );
  world.add(VILLAGE, change(3), 'cid');
  const ownKey = { kind: 'key-revoke', member: 'ben', key: keyOf('ben').publicKey, reason: '' };
  world.setTime(START + 86_400);
  world.add(VILLAGE, change(4), 'ben');
  world.add(VILLAGE, change(5), 'ben');
  assert.is(world.refusal(VILLAGE, change(6), 'ben').code, 'quota-exceeded');
  world.add(VILLAGE, { ...ownKey, kind: 'key-revoke' }, 'ben');
  assert.is(world.refusal(VILLAGE, change(6), 'ben').code, 'key-revoked');
});

test('a member has so many open proposals, and others keep theirs', () => {
  const limits = { ...constitution().limits, proposalsOpen: 1 };
  const world = foundedWorld({ ...policyRule({ quorum: count(2) }), limits });
  world.add(VILLAGE, change(1), 'ben');
  assert.is(
    world.why(VILLAGE, change(1), 'ben'),
    'too-many-proposals by constitution.limits.proposalsOpen',
  );
  world.add(VILLAGE, change(1), 'cid');
  assert.is(world.village.proposals.size, 2);
});

test('the memory of closed proposals is bounded', () => {
  const world = foundedWorld();
  for (let version = 1; version <= MAX_CLOSED + 5; version++)
    world.add(VILLAGE, change(version), version % 2 === 0 ? 'ben' : 'cid');
  assert.is(world.village.closed.length, MAX_CLOSED);
  assert.is(world.village.closed.at(-1)?.seq, world.village.head.seq);
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

test.run();
