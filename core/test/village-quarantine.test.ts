// Inboxes and quarantine (spec/villages.md section 8).

import { formatHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import type { Constitution, Quarantine } from '@writ/core/statements/kinds/constitution';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  count,
  foundedWorld,
  INBOX,
  inForce,
  keyOf,
  OTHER_POLICY,
  POLICY,
  START,
  spec,
  VILLAGE,
  World,
} from './village-world.ts';

const test = suite('quarantine');

function quarantined(fields: Partial<Quarantine> = {}): Constitution {
  const base = constitution();
  return base.quarantine === null
    ? base
    : { ...base, quarantine: { ...base.quarantine, ...fields } };
}

function approval(proposal: Uint8Array, text = 'version 1'): Payload {
  return { kind: 'quarantine-approve', proposal, digest: sha256(spec(text)) };
}

function rejection(proposal: Uint8Array): Payload {
  return { kind: 'quarantine-reject', proposal, digest: sha256(spec('version 1')) };
}

test('what an outsider proposes does nothing until the village takes it up and approves it', () => {
  const world = foundedWorld();
  const effect = world.effect(INBOX, change(1), 'oz');
  assert.is(effect.result, 'quarantined');
  assert.is(effect.by.member, null);
  const proposal = world.states.get(INBOX)?.head.id ?? new Uint8Array();
  assert.is(inForce(world), 0);
  assert.is(world.refusal(VILLAGE, { kind: 'approve', proposal }, 'ben').code, 'proposal-unknown');
  assert.is(world.effect(VILLAGE, approval(proposal), 'ben').result, 'taken-up');
  assert.is(inForce(world), 0, 'taking up is not approving');
  world.add(VILLAGE, { kind: 'approve', proposal }, 'ben');
  const policy = world.village.policies.get(POLICY);
  assert.is(formatHex(policy?.source ?? new Uint8Array()), formatHex(proposal));
});

test('taking up wants the minimum of approvals by different members', () => {
  const world = foundedWorld(quarantined({ quorum: count(2) }));
  const proposal = world.add(INBOX, change(1), 'oz');
  assert.is(world.effect(VILLAGE, approval(proposal), 'ben').result, 'approved');
  assert.is(
    world.why(VILLAGE, approval(proposal), 'ben'),
    'already-voted by constitution.quarantine.approvers',
  );
  assert.is(
    world.why(VILLAGE, approval(proposal), 'ada'),
    'author-lacks-role by constitution.quarantine.approvers',
  );
  assert.is(world.village.proposals.size, 0);
  assert.is(world.effect(VILLAGE, approval(proposal), 'cid').result, 'taken-up');
  assert.is(world.village.proposals.size, 1);
});

test('a proposal is decided once, whoever comes second', () => {
  const world = foundedWorld();
  const taken = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, approval(taken), 'ben');
  const late = world.refusal(VILLAGE, rejection(taken), 'cid');
  assert.is(late.code, 'proposal-closed');
  assert.is(late.detail['end'], 'taken-up');
  const turnedDown = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, rejection(turnedDown), 'cid');
  assert.is(world.refusal(VILLAGE, approval(turnedDown), 'ben').detail['end'], 'rejected');
});

test('the approval names the digest of what was seen', () => {
  const world = foundedWorld();
  const proposal = world.add(INBOX, change(1), 'oz');
  const refusal = world.refusal(VILLAGE, approval(proposal, 'something else'), 'ben');
  assert.is(refusal.code, 'digest-mismatch');
  assert.is(refusal.detail['expected'], formatHex(sha256(spec('version 1'))));
  assert.is(world.refusal(VILLAGE, approval(new Uint8Array(32)), 'ben').code, 'proposal-unknown');
});

test('an inbox without a village, or of a village that wants none, takes nothing', () => {
  assert.is(new World().why(INBOX, change(1), 'oz'), 'village-unknown by inbox.village');
  const world = foundedWorld(constitution({ quarantine: null }));
  assert.is(world.why(INBOX, change(1), 'oz'), 'quarantine-off by constitution.quarantine');
  assert.is(
    world.why(VILLAGE, approval(new Uint8Array(32)), 'ben'),
    'quarantine-off by constitution.quarantine',
  );
});

test('approval goes by the constitution in force now, not by that of the proposal', () => {
  const world = foundedWorld();
  const first = world.add(INBOX, change(1), 'oz');
  const second = world.add(INBOX, change(1, { policy: OTHER_POLICY }), 'oz');
  const { limits } = constitution();
  const strict = quarantined({ approvers: ['admin'] });
  const law = { ...strict, limits: { ...limits, specBytes: spec('version 1').length - 1 } };
  const amend = { kind: 'constitution-amend', version: 2, constitution: law, reason: '' } as const;
  world.add(VILLAGE, amend, 'ada');
  assert.is(world.refusal(VILLAGE, approval(first), 'ben').code, 'author-lacks-role');
  assert.is(
    world.why(VILLAGE, approval(first), 'ada'),
    'spec-too-large by constitution.limits.specBytes',
  );
  const off = { ...constitution({ quarantine: null }) };
  world.add(VILLAGE, { ...amend, version: 3, constitution: off }, 'ada');
  assert.is(world.refusal(VILLAGE, approval(second), 'ben').code, 'quarantine-off');
});

test('an approval given before its member lost the role does not count', () => {
  const world = foundedWorld(quarantined({ quorum: count(2) }));
  const proposal = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, approval(proposal), 'ben');
  const law = quarantined({ quorum: count(2) });
  const members = law.members.map((one) =>
    one.name === 'ben' ? { ...one, roles: ['author'] } : one,
  );
  const next = { ...law, members };
  const amend = { kind: 'constitution-amend', version: 2, constitution: next, reason: '' } as const;
  world.add(VILLAGE, amend, 'ada');
  assert.is(world.effect(VILLAGE, approval(proposal), 'cid').result, 'approved');
  assert.is(world.effect(VILLAGE, approval(proposal), 'dot').result, 'taken-up');
});

test('a proposal whose version the village passed meanwhile is not taken up', () => {
  const world = foundedWorld();
  const proposal = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, change(1), 'ben');
  assert.is(world.refusal(VILLAGE, approval(proposal), 'cid').code, 'version-wrong');
  world.add(VILLAGE, rejection(proposal), 'cid');
});

test('an expired proposal is not taken up, and its place is free', () => {
  const world = foundedWorld(quarantined({ proposalsOpen: 1 }));
  const proposal = world.add(INBOX, change(1), 'oz');
  const refusal = world.why(INBOX, change(1), 'una');
  assert.is(refusal, 'too-many-proposals by constitution.quarantine.proposalsOpen');
  world.setTime(START + 7200);
  assert.is(
    world.why(VILLAGE, approval(proposal), 'ben'),
    'proposal-expired by constitution.quarantine.expiresAfterSeconds',
  );
  world.add(INBOX, change(1), 'una');
  assert.is(world.refusal(VILLAGE, approval(proposal), 'ben').code, 'proposal-unknown');
});

test('decided proposals leave the inbox, and decisions are forgotten when they would have expired', () => {
  const world = foundedWorld(quarantined({ proposalsOpen: 1 }));
  const first = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, rejection(first), 'ben');
  const second = world.add(INBOX, change(1), 'oz');
  assert.is(world.refusal(VILLAGE, approval(first), 'cid').code, 'proposal-closed');
  world.setTime(START + 7200);
  const third = world.add(INBOX, change(1), 'oz');
  world.add(VILLAGE, rejection(third), 'ben');
  assert.is(world.village.decisions.size, 1);
  for (const gone of [first, second])
    assert.is(world.refusal(VILLAGE, approval(gone), 'cid').code, 'proposal-unknown');
});

test('an outsider has so many statements a day', () => {
  const world = foundedWorld(quarantined({ statementsPerDay: 1 }));
  world.add(INBOX, change(1), 'oz');
  assert.is(
    world.why(INBOX, change(1), 'oz'),
    'quota-exceeded by constitution.quarantine.statementsPerDay',
  );
  world.add(INBOX, change(1), 'una');
});

test('a revoked key is not an outsider’s key', () => {
  const world = foundedWorld();
  const revoke = {
    kind: 'key-revoke',
    member: 'ben',
    key: keyOf('ben').publicKey,
    reason: '',
  } as const;
  world.add(VILLAGE, revoke, 'ben');
  assert.is(world.refusal(INBOX, change(1), 'ben').code, 'key-revoked');
});

test('an outsider cannot send too much or ask for a later activation', () => {
  const world = foundedWorld();
  const large = change(1, { spec: spec('x'.repeat(1000)) });
  assert.is(world.why(INBOX, large, 'oz'), 'spec-too-large by constitution.limits.specBytes');
  const notBefore = { timeSeconds: START, index: null };
  assert.is(
    world.why(INBOX, change(1, { notBefore }), 'oz'),
    'not-before-forbidden by constitution.quarantine',
  );
});

test('the proposals that a village took up and did not decide are limited too', () => {
  const world = foundedWorld(quarantined({ proposalsOpen: 1 }));
  world.add(VILLAGE, approval(world.add(INBOX, change(1), 'oz')), 'ben');
  const second = world.add(INBOX, change(1), 'oz');
  assert.is(
    world.why(VILLAGE, approval(second), 'ben'),
    'too-many-proposals by constitution.quarantine.proposalsOpen',
  );
});

test.run();
