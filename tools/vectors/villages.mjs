// Histories of villages: statements in the order of the log, from the first leaf on (spec/villages.md). In a valid
// history every statement is admitted; in an invalid one all are but the last. The bytes are put together by another
// CBOR encoder, from the text of the specification.

import { concatBytes } from '@writ/core/bytes';
import { ascii, digest, fixedBytes, hex, invalid, valid } from './scenery.mjs';
import {
  AUDIT,
  asMaps,
  cbor,
  changeOf,
  constitution,
  count,
  founded,
  History,
  INBOX,
  key,
  member,
  POLICY,
  policyRule,
  rule,
  START,
  specOf,
  thumbprint,
  VILLAGE,
  x,
} from './village-history.mjs';

export function* villageVectors() {
  yield* validHistories();
  yield* wrongPositions();
  yield* wrongAuthors();
  yield* wrongConstitutions();
  yield* wrongProposals();
  yield* wrongQuarantines();
  yield* wrongLogs();
}

function accepted(name, description, history, facts) {
  return valid('village', name, description, history.input, facts);
}

function refused(name, description, history, refusal, rulePath) {
  const isPosition = refusal === 'position-wrong' || refusal === 'predecessor-unknown';
  const code = isPosition ? 'stream-conflict' : 'statement-refused';
  const index = history.statements.length - 1;
  const detail = { index, refusal, rule: rulePath };
  return invalid('village', name, description, history.input, code, detail);
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
  const law = constitution({ visibility: 'private' });
  const amendment = { version: 2, constitution: law, reason: 'privacy' };
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

function* wrongPositions() {
  const gap = founded();
  gap.change(1, 'ben', { position: [2, gap.heads.get(VILLAGE).id] });
  yield refused('position-gap', 'A position is left out.', gap, 'position-wrong', 'stream.seq');
  const again = founded();
  again.change(1, 'ben', { position: [0, null] });
  yield refused('position-taken', 'A position is taken.', again, 'position-wrong', 'stream.seq');
  const other = founded();
  other.change(1, 'ben', { position: [1, fixedBytes('another statement')] });
  const rulePath = 'stream.previous';
  yield refused('predecessor-other', 'Another branch.', other, 'predecessor-unknown', rulePath);
}

function* wrongAuthors() {
  const stranger = founded();
  stranger.change(1, 'oz');
  const members = 'constitution.members';
  yield refused('author-stranger', 'No member.', stranger, 'author-not-member', members);
  const watcher = founded();
  watcher.change(1, 'eve');
  const authors = 'constitution.rules.policy.authors';
  yield refused(
    'author-without-role',
    'A member who watches.',
    watcher,
    'author-lacks-role',
    authors,
  );
  const revoked = founded();
  revoked.add(VILLAGE, 'key-revoke', { member: 'ben', key: x('ben'), reason: '' }, 'ben');
  revoked.change(1, 'ben');
  yield refused('key-revoked', 'A revoked key.', revoked, 'key-revoked', `${members}.keys`);
  const back = founded();
  back.add(VILLAGE, 'key-rotate', { key: x('ben 2') }, 'ben');
  back.add(VILLAGE, 'key-revoke', { member: 'ben', key: x('ben'), reason: '' }, 'ben 2');
  back.add(VILLAGE, 'key-rotate', { key: x('ben') }, 'ben 2');
  yield refused('key-back', 'A revoked key comes back.', back, 'key-revoked', 'village.key-rotate');
  const shared = founded();
  shared.add(VILLAGE, 'key-rotate', { key: x('cid') }, 'ben');
  yield refused('key-taken', 'The key of another.', shared, 'key-shared', 'village.key-rotate');
  const last = founded();
  last.add(VILLAGE, 'key-revoke', { member: 'ada', key: x('ada'), reason: '' }, 'ada');
  const amend = 'constitution.rules.constitution.authors';
  yield refused('key-last', 'Nobody could amend any more.', last, 'role-unheld', amend);
  const forged = founded();
  forged.change(1, 'ben', { signer: 'oz' });
  const detail = { index: forged.statements.length - 1 };
  const { input } = forged;
  const description = 'Another key signed.';
  yield invalid(
    'village',
    'signature-forged',
    description,
    input,
    'statement-bad-signature',
    detail,
  );
}

function* wrongConstitutions() {
  const { members, rules } = constitution();
  const unmet = policyRule({ quorum: count(4) });
  const guild = (quorum) => ({ ...rules, constitution: rule({ authors: ['admin'], ...quorum }) });
  const one = { ...member('gus', []), keys: [Uint8Array.of(1, ...new Uint8Array(31))] };
  for (const [name, description, law, refusal, path] of [
    [
      'quorum-unreachable',
      'More approvals than members.',
      unmet,
      'quorum-unreachable',
      'rules.policy.quorum',
    ],
    [
      'rules-circular',
      'Amending needs a role that only amending could give.',
      constitution({ rules: guild({ approvers: ['pope'] }) }),
      'role-unheld',
      'rules.constitution.approvers',
    ],
    [
      'key-under-two-names',
      'One key, two votes.',
      constitution({ members: [...members, member('ben-too', ['approver'], [x('ben')])] }),
      'key-shared',
      'members.keys',
    ],
    [
      'member-twice',
      'One name, two members.',
      constitution({ members: [...members, member('ben', ['approver'], [x('ben 2')])] }),
      'member-twice',
      'members',
    ],
    [
      'key-weak',
      'A key of small order.',
      constitution({ members: [...members, one] }),
      'key-weak',
      'members.keys',
    ],
  ]) {
    const history = new History();
    history.found(law);
    yield refused(name, description, history, refusal, `constitution.${path}`);
  }
  const founder = new History();
  founder.found(constitution(), 'ben');
  const amend = 'constitution.rules.constitution.authors';
  yield refused('founder-without-role', 'The founder.', founder, 'author-lacks-role', amend);
  const early = new History();
  early.change(1, 'ben');
  yield refused('village-unknown', 'No village yet.', early, 'village-unknown', 'village.create');
  yield* oversizedConstitutions();
}

function* oversizedConstitutions() {
  const { members } = constitution();
  const many = (length, make) => Array.from({ length }, (_, i) => make(i));
  for (const [name, description, more] of [
    ['members-65', 'A member too many.', many(60, (i) => member(`m${i}`, []))],
    [
      'keys-17',
      'A key too many.',
      [
        member(
          'gus',
          [],
          many(17, (i) => x(`gus ${i}`)),
        ),
      ],
    ],
    [
      'roles-33',
      'A role too many.',
      [many(31, (i) => `r${i}`)].map((roles) => member('gus', roles)),
    ],
  ]) {
    const history = new History();
    history.found(constitution({ members: [...members, ...more] }));
    const detail = { field: 'payload', index: 0 };
    yield invalid('village', name, description, history.input, 'statement-malformed', detail);
  }
}

function* wrongProposals() {
  const policy = 'constitution.rules.policy';
  const law = policyRule({ quorum: count(2) });
  const proposed = (more = law) => {
    const history = founded(more);
    return { history, proposal: history.change(1, 'ben') };
  };
  const few = proposed();
  few.history.vote('activate', few.proposal, 'ben');
  yield refused(
    'approvals-too-few',
    'One of two.',
    few.history,
    'quorum-not-met',
    `${policy}.quorum`,
  );
  const twice = proposed();
  twice.history.vote('approve', twice.proposal, 'ben');
  yield refused(
    'approval-twice',
    'One member.',
    twice.history,
    'already-voted',
    `${policy}.approvers`,
  );
  const stuffed = proposed();
  stuffed.history.add(VILLAGE, 'key-rotate', { key: x('ben 2') }, 'ben');
  stuffed.history.vote('approve', stuffed.proposal, 'ben 2');
  const description = 'One member with two keys.';
  yield refused(
    'approval-two-keys',
    description,
    stuffed.history,
    'already-voted',
    `${policy}.approvers`,
  );
  const expired = proposed();
  expired.history.time(START + 3600);
  expired.history.vote('approve', expired.proposal, 'cid');
  const expiry = `${policy}.expiresAfterSeconds`;
  yield refused('expired', 'Too late by nothing.', expired.history, 'proposal-expired', expiry);
  const other = proposed();
  other.history.change(1, 'cid');
  other.history.vote('approve', other.proposal, 'dot');
  other.history.vote('approve', other.history.heads.get(VILLAGE).id, 'dot');
  const unknown = 'village.proposals';
  yield refused(
    'proposal-unknown',
    'A vote on a vote.',
    other.history,
    'proposal-unknown',
    unknown,
  );
  const loser = proposed();
  loser.history.vote('approve', loser.history.change(1, 'cid'), 'dot');
  loser.history.vote('approve', loser.proposal, 'dot');
  yield refused('superseded', 'Another one won.', loser.history, 'proposal-closed', unknown);
  const early = founded();
  const waiting = { ...changeOf(1), notBefore: { index: 5 } };
  const later = early.add(VILLAGE, 'policy-change', waiting, 'ben');
  early.vote('activate', later, 'ben');
  yield refused('too-early', 'Leaf 3 comes before 5.', early, 'not-yet', 'village.not-before');
  yield* wrongVersions();
}

function* wrongVersions() {
  const skipped = founded();
  skipped.change(2, 'ben');
  const version = 'village.policy-version';
  yield refused('version-gap', 'A version is left out.', skipped, 'version-wrong', version);
  const replayed = founded();
  replayed.change(1, 'ben');
  replayed.change(1, 'ben');
  yield refused('version-again', 'A version is taken.', replayed, 'version-wrong', version);
  const large = founded(constitution({ limits: { ...constitution().limits, specBytes: 10 } }));
  large.change(1, 'ben');
  const limits = 'constitution.limits';
  yield refused('spec-too-large', 'A large spec.', large, 'spec-too-large', `${limits}.specBytes`);
  const busy = founded(constitution({ limits: { ...constitution().limits, statementsPerDay: 1 } }));
  busy.change(1, 'ben');
  busy.change(2, 'ben');
  yield refused('quota', 'One a day.', busy, 'quota-exceeded', `${limits}.statementsPerDay`);
}

function* wrongQuarantines() {
  const quarantine = 'constitution.quarantine';
  const waiting = (law) => {
    const history = founded(law);
    const proposal = history.add(INBOX, 'policy-change', changeOf(1), 'oz');
    return { history, seen: { proposal, digest: digest(specOf(1)) } };
  };
  const direct = waiting();
  direct.history.vote('approve', direct.seen.proposal, 'ben');
  const description = 'Nobody took it up.';
  const inert = 'village.proposals';
  yield refused('inbox-inert', description, direct.history, 'proposal-unknown', inert);
  const unseen = waiting();
  const wrong = { ...unseen.seen, digest: digest(specOf(2)) };
  unseen.history.add(VILLAGE, 'quarantine-approve', wrong, 'ben');
  const text = 'The digest is of another spec.';
  yield refused('digest-other', text, unseen.history, 'digest-mismatch', 'inbox.proposals');
  const twice = waiting();
  twice.history.add(VILLAGE, 'quarantine-reject', twice.seen, 'ben');
  twice.history.add(VILLAGE, 'quarantine-approve', twice.seen, 'cid');
  yield refused('quarantine-decided', 'Too late.', twice.history, 'proposal-closed', quarantine);
  const now = waiting();
  const law = constitution({ quarantine: null });
  const amendment = { version: 2, constitution: law, reason: '' };
  now.history.add(VILLAGE, 'constitution-amend', amendment, 'ada');
  now.history.add(VILLAGE, 'quarantine-approve', now.seen, 'ben');
  yield refused(
    'quarantine-off-now',
    'The law changed.',
    now.history,
    'quarantine-off',
    quarantine,
  );
  const stuffed = waiting(
    constitution({ quarantine: { ...constitution().quarantine, quorum: count(2) } }),
  );
  stuffed.history.add(VILLAGE, 'quarantine-approve', stuffed.seen, 'ben');
  stuffed.history.add(VILLAGE, 'quarantine-approve', stuffed.seen, 'ben');
  const approvers = `${quarantine}.approvers`;
  yield refused('quarantine-twice', 'One member.', stuffed.history, 'already-voted', approvers);
}

/** Payload of a rotation to the key of `label` at the head of `history`. */
function logKeyOf(history, label) {
  const message = concatBytes(ascii('writ log-key\n'), history.heads.get('log').id, x(label));
  return { key: x(label), proof: key(label).signRaw(message) };
}

function* wrongLogs() {
  const past = founded();
  past.time(START - 1);
  const root = 'log.state-root';
  yield refused('time-backwards', 'A second back.', past, 'time-backwards', `${root}.time`);
  const wrong = founded();
  wrong.time(START, { size: 1 });
  yield refused('size-wrong', 'Entries are missing.', wrong, 'size-wrong', `${root}.size`);
  const other = founded();
  other.add('log', 'log-protocol', { version: 1 }, 'ada');
  yield refused('log-author', 'A member as the log.', other, 'author-not-log', 'log.author');
  const future = founded();
  future.add('log', 'log-protocol', { version: 2 }, 'log');
  yield refused('protocol-2', 'No such version.', future, 'protocol-unknown', 'log.protocol');
  const unproved = founded();
  unproved.add('log', 'log-key', { ...logKeyOf(unproved, 'log 2'), key: x('log 3') }, 'log');
  const proof = 'log.log-key.proof';
  yield refused('log-key-unproved', 'A borrowed proof.', unproved, 'key-proof-wrong', proof);
  const rotated = founded();
  rotated.add('log', 'log-key', logKeyOf(rotated, 'log 2'), 'log');
  rotated.time(START);
  yield refused('log-key-old', 'The key before.', rotated, 'author-not-log', 'log.author');
  const denied = founded();
  const denial = { stream: 'village/south', statement: fixedBytes('a refused statement') };
  const why = { code: 'author-not-member', rule: 'constitution.members' };
  denied.add(AUDIT, 'denial', { ...denial, ...why }, 'log');
  const description = 'The denial of another village.';
  yield refused('denial-elsewhere', description, denied, 'denial-out-of-place', 'audit.denial');
}
