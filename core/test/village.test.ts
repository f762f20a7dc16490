// Villages: creation, policies and limits (spec/villages.md sections 3 to 6).

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

test.run();
