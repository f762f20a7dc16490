// Histories of villages that end in a refusal: one for each rule (spec/refusals.md).

import { digest, fixedBytes, invalid } from './scenery.mjs';
import {
  AUDIT,
  changeOf,
  constitution,
  count,
  founded,
  History,
  INBOX,
  logKeyOf,
  member,
  policyRule,
  rule,
  START,
  specOf,
  VILLAGE,
  x,
} from './village-history.mjs';

/** Histories of which the last statement is refused. */
export function* refusedHistories() {
  yield* wrongPositions();
  yield* wrongAuthors();
  yield* wrongConstitutions();
  yield* wrongProposals();
  yield* wrongQuarantines();
  yield* wrongLogs();
}

function refused(name, description, history, refusal, rulePath) {
  const isPosition = refusal === 'position-wrong' || refusal === 'predecessor-unknown';
  const code = isPosition ? 'stream-conflict' : 'statement-refused';
  const index = history.statements.length - 1;
  const detail = { index, refusal, rule: rulePath };
  return invalid('village', name, description, history.input, code, detail);
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

function* fullOfProposals() {
  const { members, rules } = constitution();
  const admins = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(2) });
  const law = constitution({
    members: [...members, member('abe', ['admin'])],
    rules: { ...rules, constitution: admins },
  });
  const history = founded(law);
  const amend = (version) => {
    const payload = { version, constitution: { ...law, recordDenials: false }, reason: '' };
    history.add(VILLAGE, 'constitution-amend', payload, 'ada');
  };
  for (let open = 0; open < law.limits.proposalsOpen; open++) amend(2);
  amend(9);
  yield refused(
    'proposals-5',
    'A proposal too many, which would be refused for its version too: they are counted first.',
    history,
    'too-many-proposals',
    'constitution.limits.proposalsOpen',
  );
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
  // Each member holds as many as it may, all together one more than a village may.
  const holders = many(8, (i) => {
    const keys = many(i < 7 ? 16 : 12, (k) => x(`gus ${i} ${k}`));
    return member(`gus${i}`, [], keys);
  });
  const full = new History();
  full.found(constitution({ members: [...members, ...holders] }));
  const rulePath = 'constitution.members.keys';
  yield refused('keys-129', 'A key too many together.', full, 'village-key-limit', rulePath);
}

function* wrongProposals() {
  yield* fullOfProposals();
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
  yield* wrongVotes(proposed);
  yield* wrongVersions();
}

function* wrongVotes(proposed) {
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
