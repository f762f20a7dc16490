// Keys and constitutions over time (spec/villages.md section 7).

import { formatHex } from '@writ/core/bytes';
import type { Payload } from '@writ/core/statements/kinds';
import {
  type Constitution,
  MAX_MEMBER_KEYS,
  MAX_VILLAGE_KEYS,
  type Member,
} from '@writ/core/statements/kinds/constitution';
import { keyIdOf } from '@writ/core/streams/key-facts';
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
  policyRule,
  rule,
  VILLAGE,
  type World,
} from './village-world.ts';

const test = suite('keys of villages');

function rotate(label: string): Payload {
  return { kind: 'key-rotate', key: keyOf(label).publicKey };
}

function revoke(name: string, label = name): Payload {
  return { kind: 'key-revoke', member: name, key: keyOf(label).publicKey, reason: 'lost' };
}

function amend(version: number, law: Constitution, fields: object = {}): Payload {
  return { kind: 'constitution-amend', version, constitution: law, reason: '', ...fields };
}

function recordOf(world: World, label: string): { since: number; until: number | null } {
  const record = world.village.keys.get(keyIdOf(keyOf(label).publicKey));
  return { since: record?.sinceSeq ?? -1, until: record?.untilSeq ?? null };
}

function withMembers(members: readonly Member[]): Constitution {
  return constitution({ members });
}

test('a rotation brings a key that is good from behind it, beside the old one', () => {
  const world = foundedWorld();
  assert.is(world.refusal(VILLAGE, change(1), 'ben 2').code, 'author-not-member');
  assert.is(world.effect(VILLAGE, rotate('ben 2'), 'ben').result, 'key-added');
  assert.equal(recordOf(world, 'ben 2'), { since: 1, until: null });
  assert.is(world.effect(VILLAGE, change(1), 'ben 2').by.member, 'ben');
  world.add(VILLAGE, change(2), 'ben');
});

test('a key is good until its revocation, and never again', () => {
  const world = foundedWorld();
  world.add(VILLAGE, rotate('ben 2'), 'ben');
  world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, revoke('ben'), 'ben 2');
  const refusal = world.refusal(VILLAGE, change(2), 'ben');
  assert.is(`${refusal.code} by ${refusal.rule}`, 'key-revoked by constitution.members.keys');
  assert.is(refusal.detail['since'], 3);
  assert.is(refusal.by.member, 'ben');
  assert.equal(recordOf(world, 'ben'), { since: 0, until: 3 });
  assert.is(inForce(world), 1);
  world.add(VILLAGE, change(2), 'ben 2');
  assert.is(world.refusal(VILLAGE, rotate('ben'), 'ben 2').code, 'key-revoked');
  assert.is(world.refusal(VILLAGE, revoke('ben'), 'ben 2').code, 'key-revoked');
  const back = world.why(VILLAGE, amend(2, constitution()), 'ada');
  assert.is(back, 'key-revoked by constitution.members.keys');
});

test('a key revokes itself', () => {
  const world = foundedWorld();
  world.add(VILLAGE, revoke('ben'), 'ben');
  assert.is(world.refusal(VILLAGE, change(1), 'ben').code, 'key-revoked');
});

test('an approval stands when its key is revoked later', () => {
  const world = foundedWorld(policyRule({ quorum: count(3) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  world.add(VILLAGE, revoke('cid'), 'cid');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'dot');
  assert.is(inForce(world), 1);
});

test('a key that is somebody’s is not taken by another, and weak keys by nobody', () => {
  const world = foundedWorld();
  assert.is(world.why(VILLAGE, rotate('cid'), 'ben'), 'key-shared by village.key-rotate');
  assert.is(world.why(VILLAGE, rotate('ben'), 'ben'), 'key-shared by village.key-rotate');
  const weak = { kind: 'key-rotate', key: new Uint8Array(32) } as const;
  assert.is(world.why(VILLAGE, weak, 'ben'), 'key-weak by village.key-rotate');
});

test('a member holds so many keys at a time', () => {
  const world = foundedWorld();
  for (let i = 1; i < MAX_MEMBER_KEYS; i++) world.add(VILLAGE, rotate(`ben ${i + 1}`), 'ben');
  assert.is(world.why(VILLAGE, rotate('ben more'), 'ben'), 'key-limit by village.key-rotate');
  world.add(VILLAGE, revoke('ben', 'ben 2'), 'ben');
  world.add(VILLAGE, rotate('ben more'), 'ben');
});

test('the members of a village hold so many keys together', () => {
  const law = constitution();
  const others: Member[] = [];
  const held = law.members.length;
  for (let i = held; i < MAX_VILLAGE_KEYS; i += MAX_MEMBER_KEYS) {
    const length = Math.min(MAX_MEMBER_KEYS, MAX_VILLAGE_KEYS - i);
    const labels = Array.from({ length }, (_, k) => `many ${i} ${k}`);
    others.push(member(`gus${i}`, [], labels));
  }
  const members = [...law.members, ...others];
  const world = foundedWorld(withMembers(members));
  const refused = 'village-key-limit by ';
  assert.is(world.why(VILLAGE, rotate('ben 2'), 'ben'), `${refused}village.key-rotate`);
  const more = withMembers([...members, member('fay', [])]);
  assert.is(world.why(VILLAGE, amend(2, more), 'ada'), `${refused}constitution.members.keys`);
  assert.throws(() => foundedWorld(more), /village-key-limit/);
  world.add(VILLAGE, amend(2, withMembers(members.slice(0, -1))), 'ada');
  world.add(VILLAGE, rotate('ben 2'), 'ben');
});

test('an amendment that keys rotated in meanwhile make too large is not activated', () => {
  const base = constitution();
  const admins = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(2) });
  const rules = { ...base.rules, constitution: admins };
  const members = [...base.members, member('abe', ['admin'])];
  const world = foundedWorld({ ...base, members, rules });
  const others: Member[] = [];
  for (let i = members.length; i < MAX_VILLAGE_KEYS; i += MAX_MEMBER_KEYS) {
    const length = Math.min(MAX_MEMBER_KEYS, MAX_VILLAGE_KEYS - i);
    others.push(
      member(
        `gus${i}`,
        [],
        Array.from({ length }, (_, k) => `many ${i} ${k}`),
      ),
    );
  }
  const law = { ...base, members: [...members, ...others], rules, recordDenials: false } as const;
  const proposal = world.add(VILLAGE, amend(2, law), 'ada');
  world.add(VILLAGE, rotate('ben 2'), 'ben');
  const approve = { kind: 'approve', proposal } as const;
  assert.is(world.why(VILLAGE, approve, 'abe'), 'village-key-limit by constitution.members.keys');
  world.add(VILLAGE, revoke('ben'), 'ben 2');
  world.add(VILLAGE, approve, 'abe');
  assert.is(world.village.constitution.version, 2);
});

test('only keys that the member has are revoked', () => {
  const world = foundedWorld();
  const refusal = (payload: Payload) => world.refusal(VILLAGE, payload, 'ada').code;
  assert.is(refusal(revoke('nobody')), 'member-unknown');
  assert.is(refusal(revoke('ben', 'cid')), 'key-unknown');
  assert.is(refusal(revoke('ben', 'never seen')), 'key-unknown');
});

test('the last key that could amend the constitution is not revoked', () => {
  const world = foundedWorld();
  assert.is(
    world.why(VILLAGE, revoke('ada'), 'ada'),
    'role-unheld by constitution.rules.constitution.authors',
  );
  world.add(VILLAGE, rotate('ada 2'), 'ada');
  world.add(VILLAGE, revoke('ada'), 'ada');
  assert.is(world.refusal(VILLAGE, rotate('ada 3'), 'ada').code, 'key-revoked');
});

test('the key of another member goes by the rule for members', () => {
  const base = constitution();
  const members = [...base.members, member('abe', ['admin']), member('mia', ['clerk'])];
  const clerks = rule({ authors: ['clerk'], approvers: ['clerk', 'admin'], quorum: count(2) });
  const world = foundedWorld({ ...base, members, rules: { ...base.rules, members: clerks } });
  assert.is(
    world.why(VILLAGE, revoke('cid'), 'ben'),
    'author-lacks-role by constitution.rules.members.authors',
  );
  const proposal = world.add(VILLAGE, revoke('ben'), 'mia');
  world.add(VILLAGE, change(1), 'ben');
  assert.is(world.effect(VILLAGE, { kind: 'approve', proposal }, 'ada').result, 'activated');
  assert.is(world.refusal(VILLAGE, change(2), 'ben').code, 'key-revoked');
  assert.equal(recordOf(world, 'ben'), { since: 0, until: 3 });
});

test('the key of a guarded member goes by the rule for the constitution', () => {
  const base = constitution();
  const members = [...base.members, member('abe', ['admin']), member('mia', ['clerk'])];
  const clerks = rule({ authors: ['clerk'], approvers: ['clerk'] });
  const world = foundedWorld({ ...base, members, rules: { ...base.rules, members: clerks } });
  assert.is(
    world.why(VILLAGE, revoke('abe'), 'mia'),
    'author-lacks-role by constitution.rules.constitution.authors',
  );
  assert.is(world.effect(VILLAGE, revoke('abe'), 'ada').result, 'activated');
});

test('a revocation by its owner closes the proposal to revoke it', () => {
  const base = constitution();
  const clerks = rule({ authors: ['admin'], approvers: ['admin', 'approver'], quorum: count(2) });
  const world = foundedWorld({
    ...base,
    rules: { ...base.rules, members: clerks, constitution: clerks },
  });
  const proposal = world.add(VILLAGE, revoke('ben'), 'ada');
  const effect = world.effect(VILLAGE, revoke('ben'), 'ben');
  assert.equal(effect.superseded, [formatHex(proposal)]);
});

test('an amendment replaces the constitution at its position', () => {
  const world = foundedWorld();
  const law = constitution({
    recordDenials: false,
    staleness: { mode: 'freeze', maxSeconds: 60 },
  });
  assert.is(world.refusal(VILLAGE, amend(1, law), 'ada').code, 'version-wrong');
  assert.is(world.refusal(VILLAGE, amend(3, law), 'ada').code, 'version-wrong');
  assert.is(world.refusal(VILLAGE, amend(2, law), 'ben').code, 'author-lacks-role');
  world.add(VILLAGE, amend(2, law), 'ada');
  assert.is(world.village.law.recordDenials, false);
  assert.equal(world.village.constitution, { version: 2, seq: 1, index: 2 });
});

test('who is left out of an amendment is out, keys and all, and does not come back with them', () => {
  const world = foundedWorld(policyRule({ quorum: count(3) }));
  const proposal = world.add(VILLAGE, change(1), 'ben');
  const { members } = world.village.law;
  const without = members.filter(({ name }) => name !== 'ben');
  const law = policyRule({ quorum: count(2) });
  world.add(VILLAGE, amend(2, { ...law, members: without }), 'ada');
  assert.is(world.refusal(VILLAGE, { kind: 'withdraw', proposal }, 'ben').code, 'key-revoked');
  assert.is(world.refusal(VILLAGE, amend(3, { ...law, members }), 'ada').code, 'key-revoked');
  const other = member('ben', ['author', 'approver'], ['ben anew']);
  world.add(VILLAGE, amend(3, { ...law, members: [...without, other] }), 'ada');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'cid');
  assert.is(inForce(world), 0, 'the approval of the former Ben does not count for the new one');
  assert.is(
    world.refusal(VILLAGE, { kind: 'withdraw', proposal }, 'ben anew').code,
    'author-not-proposer',
  );
  world.add(VILLAGE, { kind: 'approve', proposal }, 'ben anew');
  assert.is(inForce(world), 1);
});

test('no amendment gives the key of one member to another', () => {
  const world = foundedWorld();
  const renamed = world.village.law.members.map((one) =>
    one.name === 'ben' ? { ...one, name: 'benny' } : one,
  );
  assert.is(
    world.why(VILLAGE, amend(2, withMembers(renamed)), 'ada'),
    'key-shared by constitution.members.keys',
  );
});

test('keys revoked since an amendment was proposed stay revoked, keys rotated in stay', () => {
  const base = constitution();
  const admins = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(2) });
  const rules = { ...base.rules, constitution: admins };
  const members = [...base.members, member('abe', ['admin'])];
  const world = foundedWorld({ ...base, members, rules });
  const law = { ...base, members, rules, recordDenials: false } as const;
  const proposal = world.add(VILLAGE, amend(2, law), 'ada');
  world.add(VILLAGE, rotate('ben 2'), 'ben');
  world.add(VILLAGE, rotate('cid 2'), 'cid');
  world.add(VILLAGE, revoke('cid'), 'cid');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'abe');
  assert.is(world.village.law.recordDenials, false);
  assert.is(world.refusal(VILLAGE, change(1), 'cid').code, 'key-revoked');
  world.add(VILLAGE, change(1), 'cid 2');
  world.add(VILLAGE, change(2), 'ben 2');
  world.add(VILLAGE, change(3), 'ben');
});

test('an amendment that revocations made unworkable is not activated', () => {
  const base = constitution();
  const admins = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(2) });
  const rules = { ...base.rules, constitution: admins };
  const members = [...base.members, member('abe', ['admin'])];
  const world = foundedWorld({ ...base, members, rules });
  const policy = rule({ quorum: count(3) });
  const law = { ...base, members, rules: { ...rules, policy } };
  const proposal = world.add(VILLAGE, amend(2, law), 'ada');
  world.add(VILLAGE, revoke('dot'), 'dot');
  assert.is(
    world.why(VILLAGE, { kind: 'approve', proposal }, 'abe'),
    'quorum-unreachable by constitution.rules.policy.quorum',
  );
  assert.is(world.village.constitution.version, 1);
});

test('of two amendments the first that activates supersedes the other', () => {
  const base = constitution();
  const admins = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(2) });
  const rules = { ...base.rules, constitution: admins };
  const members = [...base.members, member('abe', ['admin'])];
  const law = { ...base, members, rules };
  const world = foundedWorld(law);
  const first = world.add(VILLAGE, amend(2, { ...law, quarantine: null }), 'ada');
  const second = world.add(VILLAGE, amend(2, { ...law, recordDenials: false }), 'abe');
  const effect = world.effect(VILLAGE, { kind: 'approve', proposal: second }, 'ada');
  assert.equal(effect.superseded, [formatHex(first)]);
  assert.is(effect.rule, 'constitution.rules.constitution.quorum');
});

test('ordinary members change by the rule for members, guarded ones by that for the constitution', () => {
  const base = constitution();
  const clerks = rule({ authors: ['clerk'], approvers: ['clerk'] });
  const members = [...base.members, member('mia', ['clerk'])];
  const law = { ...base, members, rules: { ...base.rules, members: clerks } };
  const changed = (change: (one: Member) => Member) => ({ ...law, members: members.map(change) });
  const promote = (name: string, role: string) =>
    changed((one) => (one.name === name ? { ...one, roles: [...one.roles, role] } : one));
  const refused = (next: Constitution) => foundedWorld(law).why(VILLAGE, amend(2, next), 'mia');
  assert.is(
    foundedWorld(law).effect(VILLAGE, amend(2, promote('eve', 'author')), 'mia').rule,
    'constitution.rules.members.quorum',
  );
  const escalations = [
    promote('eve', 'admin'),
    promote('eve', 'clerk'),
    promote('mia', 'admin'),
    { ...law, members: [...members, member('puppet', ['admin'])] },
    {
      ...law,
      members: members.map((one) =>
        one.name === 'ada' ? { ...one, keys: [keyOf('x').publicKey] } : one,
      ),
    },
    { ...promote('eve', 'author'), recordDenials: false },
    { ...law, rules: { ...law.rules, constitution: clerks } },
  ];
  for (const next of escalations)
    assert.is(refused(next), 'author-lacks-role by constitution.rules.constitution.authors');
});

test('a key that was there and is not listed goes with the amendment', () => {
  const world = foundedWorld();
  world.add(VILLAGE, rotate('ben 2'), 'ben');
  world.add(VILLAGE, amend(2, constitution({ recordDenials: false })), 'ada');
  assert.is(world.refusal(VILLAGE, change(1), 'ben 2').code, 'key-revoked');
  world.add(VILLAGE, change(1), 'ben');
});

test.run();
