// Histories of villages: statements in the order of the log, from the first leaf on (spec/villages.md). In a valid
// history every statement is admitted; in an invalid one all are but the last. The bytes are put together by another
// CBOR encoder, from the text of the specification.

import { privateHistories } from './private-villages.mjs';
import { digest, fixedBytes, hex, valid } from './scenery.mjs';
import {
  AUDIT,
  asMaps,
  cbor,
  changeOf,
  constitution,
  count,
  founded,
  INBOX,
  logKeyOf,
  POLICY,
  policyRule,
  START,
  specOf,
  thumbprint,
  VILLAGE,
  x,
} from './village-history.mjs';
import { refusedHistories } from './village-refusals.mjs';

export function* villageVectors() {
  yield* validHistories();
  yield* refusedHistories();
  yield* privateHistories();
}

function accepted(name, description, history, facts) {
  return valid('village', name, description, history.input, facts);
}

function villageFacts(version, policyVersion, spec, open = 0) {
  const policy = { version: policyVersion, digest: spec === null ? null : hex(digest(spec)) };
  const policies = policyVersion === 0 ? {} : { [POLICY]: policy };
  return { villages: { 'north-grid': { constitution: version, open, policies } } };
}

function* validHistories() {
  const created = founded();
  yield accepted('created', 'A village that was just created.', created, {
    ...villageFacts(1, 0, null),
    states: { [VILLAGE]: hex(digest(cbor(createdState(created)))) },
  });
  const changed = founded();
  changed.change(1, 'ben');
  const facts = villageFacts(1, 1, specOf(1));
  yield accepted('one-statement', 'With a quorum of one, one statement.', changed, {
    ...facts,
    states: { [VILLAGE]: hex(digest(cbor(changedState(changed)))) },
  });
  yield* votedHistories();
  yield* keyHistories();
  const inbox = founded();
  const proposal = inbox.add(INBOX, 'policy-change', changeOf(1), 'oz');
  const seen = { proposal, digest: digest(specOf(1)) };
  inbox.add(VILLAGE, 'quarantine-approve', seen, 'dot');
  inbox.vote('approve', proposal, 'cid');
  yield accepted('quarantine', 'What an outsider proposed.', inbox, facts);
  const denied = founded();
  const denial = { stream: VILLAGE, statement: fixedBytes('a refused statement') };
  const why = { code: 'author-not-member', rule: 'constitution.members' };
  denied.add(AUDIT, 'denial', { ...denial, ...why }, 'log');
  yield accepted('denial', 'The log records a refusal.', denied, villageFacts(1, 0, null));
  const rotated = founded();
  rotated.add('log', 'log-key', logKeyOf(rotated, 'log 2'), 'log');
  rotated.add('log', 'log-protocol', { version: 1 }, 'log 2');
  yield accepted('log-key', 'The log changes its key.', rotated, villageFacts(1, 0, null));
}

function* votedHistories() {
  const law = policyRule({ quorum: count(3) });
  const voted = founded(law);
  const proposal = voted.change(1, 'ben');
  voted.vote('approve', proposal, 'cid');
  voted.vote('approve', proposal, 'dot');
  yield accepted('count-of-three', 'Three members.', voted, villageFacts(1, 1, specOf(1)));
  const weighted = founded(policyRule({ quorum: { kind: 'weight', threshold: 4 } }));
  const heavy = weighted.change(1, 'ben');
  weighted.vote('approve', heavy, 'dot');
  yield accepted('weights', 'Weights of 1 and 3.', weighted, villageFacts(1, 1, specOf(1)));
  const roles = { kind: 'roles', roles: { author: 1, approver: 2 } };
  const byRole = founded(policyRule({ quorum: roles }));
  byRole.vote('approve', byRole.change(1, 'ben'), 'dot');
  yield accepted('roles', 'A quorum by roles.', byRole, villageFacts(1, 1, specOf(1)));
  const back = founded();
  back.change(1, 'ben');
  back.change(2, 'ben');
  const rollback = { policy: POLICY, version: 3, toVersion: 1, reason: 'too much' };
  back.add(VILLAGE, 'policy-rollback', rollback, 'cid');
  yield accepted('rollback', 'Back, in a version forward.', back, villageFacts(1, 3, specOf(1)));
  const disable = { policy: POLICY, version: 4, reason: '' };
  back.add(VILLAGE, 'policy-disable', disable, 'cid');
  yield accepted('disabled', 'The policy is off.', back, villageFacts(1, 4, null));
  const deferred = founded();
  const notBefore = { time: START + 60 };
  const waiting = { ...changeOf(1), notBefore };
  const later = deferred.add(VILLAGE, 'policy-change', waiting, 'ben');
  deferred.time(START + 60);
  deferred.vote('activate', later, 'cid');
  yield accepted('deferred', 'Active at a later time.', deferred, villageFacts(1, 1, specOf(1)));
}

function* keyHistories() {
  const rotated = founded();
  rotated.add(VILLAGE, 'key-rotate', { key: x('ben 2') }, 'ben');
  rotated.add(VILLAGE, 'key-revoke', { member: 'ben', key: x('ben'), reason: '' }, 'ben 2');
  rotated.change(1, 'ben 2');
  const facts = villageFacts(1, 1, specOf(1));
  yield accepted('key-rotated', 'Another key in place of the first.', rotated, facts);
  const stands = founded(policyRule({ quorum: count(2) }));
  const proposal = stands.change(1, 'ben');
  stands.add(VILLAGE, 'key-revoke', { member: 'ben', key: x('ben'), reason: '' }, 'ben');
  stands.vote('approve', proposal, 'cid');
  yield accepted('approval-stands', 'A revocation acts from its position on.', stands, facts);
  const amended = founded();
  const law = constitution({ recordDenials: false });
  const amendment = { version: 2, constitution: law, reason: 'quiet' };
  amended.add(VILLAGE, 'constitution-amend', amendment, 'ada');
  yield accepted('amended', 'Another constitution.', amended, villageFacts(2, 0, null));
}

/** State of a village behind its first statement, written from section 12 of the specification. */
function createdState(history) {
  const law = constitution();
  const names = law.members.map(({ name }) => name);
  const records = law.members.map(({ name, keys }) => [
    thumbprint(keys[0]),
    name,
    keys[0],
    0,
    null,
  ]);
  const { seq, id, index } = history.heads.get(VILLAGE);
  return asMaps({
    family: 'village',
    village: 'north-grid',
    name: 'North Grid',
    head: [seq, id, index],
    constitution: [1, 0, 1],
    law,
    joined: names.map((name) => [name, 0]),
    keys: records.sort(([a], [b]) => (hex(a) < hex(b) ? -1 : 1)),
    policies: [],
    proposals: [],
    closed: [],
    decisions: [],
    usage: [Math.floor(START / 86_400), [['ada', 1]]],
  });
}

function changedState(history) {
  const { id } = history.heads.get(VILLAGE);
  const version = [1, digest(specOf(1)), id, 1, 2, START];
  const usage = [
    ['ada', 1],
    ['ben', 1],
  ];
  return createdState(history)
    .set('policies', [[POLICY, [version]]])
    .set('closed', [[id, 'activated', 1]])
    .set('usage', [Math.floor(START / 86_400), usage]);
}
