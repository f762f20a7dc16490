// Evidence files (spec/evidence.md): what a village decided, and answers of a log that a reader had to refuse.

import { concatBytes } from '@writ/core/bytes';
import {
  closedLog,
  POLICY_TEXT,
  pageBytes,
  policyText,
  privateLog,
  START,
  VillageLog,
  villageLog,
} from './follow-page-log.mjs';
import { ascii, digest, hex, invalid, keyOf, LOG, TIME, valid } from './scenery.mjs';
import { cbor, EMPTY, indexProof, leavesOf, subtree } from './statement-log.mjs';
import {
  asMaps,
  changeOf,
  constitution,
  INBOX,
  POLICY,
  specOf,
  thumbprint,
  VILLAGE,
} from './village-history.mjs';

const FORMAT = 'evidence';
const MALFORMED = 'evidence-malformed';
const NAME = 'north-grid';

export function* evidenceVectors() {
  yield* decisions();
  yield* savedReaders();
  yield* faults();
  yield* nothingShown();
  yield* malformedFiles();
}

/** The eight items of a file. */
function evidenceOf(pages, fields = {}) {
  return {
    version: 'writ-evidence/v1',
    village: NAME,
    about: null,
    policy: ascii(POLICY_TEXT),
    clock: null,
    saved: null,
    pages: pages.map(pageBytes),
    fault: null,
    ...fields,
  };
}

/** `policy`: that of the reader; null: without one. */
function inputOf(evidence, policy = POLICY_TEXT) {
  const bytes = evidence instanceof Uint8Array ? evidence : cbor(Object.values(evidence));
  return { ...(policy === null ? {} : { policy }), evidence: hex(bytes) };
}

function shown(name, description, evidence, facts, policy) {
  const common = { village: NAME, own_policy: policy === undefined, fault: null };
  return valid(FORMAT, name, description, inputOf(evidence, policy), { ...common, ...facts });
}

function headOf(log) {
  const { seq, id } = log.heads().get(VILLAGE);
  return [String(seq), hex(id)];
}

const CLOSED = [
  ['1', 'created'],
  ['2', 'activated'],
  ['4', 'activated'],
];

function* decisions() {
  const log = closedLog();
  const whole = evidenceOf([log.page(VILLAGE)]);
  const facts = { size: '6', head: headOf(log), statements: CLOSED };
  yield shown('whole', 'All that a village ever said.', whole, { ...facts, about: null });
  const about = { ...whole, about: [VILLAGE, 1] };
  const id = hex(log.entries[2].id);
  yield shown('about', 'One decision.', about, { ...facts, about: id });
  const unknown = 'Under the policy in the file.';
  yield shown('policy-in-file', unknown, whole, { ...facts, own_policy: false }, null);
  const second = keyOf('log.example/another');
  const wider = policyText(LOG.vkey, second.vkey);
  const other = 'Under a policy of the reader that is another one.';
  yield shown('policy-other', other, whole, { ...facts, own_policy: false }, wider);
  const [first, rest] = [{ limit: 2 }, { from: 2, since: 6 }];
  const two = evidenceOf([log.page(VILLAGE, first), log.page(VILLAGE, rest)]);
  yield shown('two-pages', 'In two pages.', two, facts);
  const older = log.page(VILLAGE, { limit: 2, size: 4 });
  const grown = evidenceOf([older]);
  const state = hex(digest(cbor(stateAt4(log))));
  const at4 = { size: '4', head: ['1', id], statements: CLOSED.slice(0, 2), state };
  yield shown('state', 'With the digest of the state.', grown, at4);
  const fresh = { ...whole, clock: [Number(TIME) + 600, 600] };
  yield shown('clock', 'As fresh as the maker wanted.', fresh, facts);
  yield* decisionsOfTwoStreams();
  const village = 'nowhere';
  const absent = evidenceOf([log.page(`village/${village}`)], { village });
  const none = { village, head: null, statements: [] };
  yield shown('absent', 'There is no such village.', absent, none);
}

function* decisionsOfTwoStreams() {
  const log = villageLog();
  const pages = [log.page(VILLAGE), log.page(INBOX, { since: 13 })];
  const statements = [
    ['1', 'created'],
    ['3', 'activated'],
    ['4', 'quarantined'],
    ['5', 'taken-up'],
    ['9', 'activated'],
    ['10', 'activated'],
  ];
  const facts = { size: '13', head: headOf(log), statements };
  yield shown('inbox', 'With what an outsider proposed.', evidenceOf(pages), facts);
  const about = evidenceOf(pages, { about: [INBOX, 0] });
  const id = hex(log.entries[4].id);
  yield shown('about-inbox', 'A proposal of an outsider.', about, { ...facts, about: id });
  const secret = privateLog();
  const page = { ...secret.page(VILLAGE), openings: secret.openings };
  const opened = { size: '6', head: headOf(secret), statements: CLOSED };
  yield shown('private', 'A private village, with its openings.', evidenceOf([page]), opened);
}

/** The village of `closedLog` in the tree of 4 entries, written from section 12 of spec/villages.md. */
function stateAt4(log) {
  const law = constitution({ quarantine: null });
  const names = law.members.map(({ name }) => name);
  const records = law.members.map(({ name, keys: [key] }) => {
    return [thumbprint(key), name, key, 0, null];
  });
  const { seq, id, index } = log.heads(4).get(VILLAGE);
  return asMaps({
    family: 'village',
    village: NAME,
    name: 'North Grid',
    head: [seq, id, index],
    constitution: [1, 0, 1],
    law,
    joined: names.map((name) => [name, 0]),
    keys: records.sort(([a], [b]) => (hex(a) < hex(b) ? -1 : 1)),
    policies: [[POLICY, [[1, digest(specOf(1)), id, 1, 2, START]]]],
    proposals: [],
    closed: [[id, 'activated', 1]],
    decisions: [],
    usage: [
      Math.floor(START / 86_400),
      [
        ['ada', 1],
        ['ben', 1],
      ],
    ],
  });
}

/** What a reader of `log` remembers of the tree of 4 entries. */
function savedAt4(log) {
  return [log.checkpoint(4), cbor(stateAt4(log)), null];
}

function* savedReaders() {
  const log = closedLog();
  const saved = savedAt4(log);
  const page = log.page(VILLAGE, { from: 2, since: 4 });
  const facts = { size: '6', head: headOf(log), statements: CLOSED.slice(2) };
  const goes = evidenceOf([page], { saved, about: [VILLAGE, 2] });
  yield shown('saved', 'From a smaller tree on.', goes, facts);
  const same = evidenceOf([log.page(VILLAGE, { from: 2, size: 4, since: 4 })], { saved });
  const nothing = { size: '4', head: ['1', hex(log.entries[2].id)], statements: [] };
  yield shown('saved-same', 'Nothing is new.', same, nothing);
}

function* faults() {
  const fault = (code, description, pages, fields = {}, name = code) =>
    shown(`fault-${name}`, description, evidenceOf(pages, { fault: code, ...fields }), {
      fault: code,
    });
  const log = closedLog();
  const page = log.page(VILLAGE);
  const clock = [Number(TIME) + 601, 600];
  yield fault('checkpoint-stale', 'Older than the maker wanted.', [page], { clock });
  const cut = { ...page, places: page.places.with(1, page.places[2]) };
  yield fault('inclusion-failed', 'A proof that leads nowhere.', [cut]);
  yield fault('stream-proof-malformed', 'No page.', [{ ...page, version: 'page' }]);
  const skipped = log.page(VILLAGE, { from: 1 });
  yield fault('stream-incomplete', 'The first statement is left out.', [skipped]);
  yield* faultsOfRules(fault);
  const saved = savedAt4(log);
  const later = log.page(VILLAGE, { from: 2, since: 4 });
  const hashless = { ...later, hashes: [] };
  yield fault('consistency-failed', 'A proof of growth is missing.', [hashless], { saved });
  const other = closedLog({ recordDenials: false });
  const newest = [log.checkpoint(6), null, null];
  const forked = [other.page(VILLAGE)];
  yield fault('fork-detected', 'Another tree of 6 entries.', forked, { saved: newest });
  const early = log.page(VILLAGE, { size: 4 });
  yield fault('checkpoint-rolled-back', 'An older tree.', [early], { saved: newest });
  const omitted = { saved: newest };
  const what = 'The tree before showed no village.';
  yield fault('state-root-invalid', what, [page], omitted, 'omission');
  yield* rolledBack(fault, saved);
}

function* faultsOfRules(fault) {
  const founded = () => {
    const log = new VillageLog();
    log.root(0);
    const law = { name: 'North Grid', constitution: constitution({ quarantine: null }) };
    log.add(VILLAGE, 'village-create', law, 'ada');
    return log;
  };
  const stranger = founded();
  stranger.add(VILLAGE, 'policy-change', changeOf(1), 'oz');
  stranger.root(60);
  const admitted = [stranger.page(VILLAGE)];
  yield fault('statement-refused', 'The log admitted what it must not.', admitted);
  const forged = founded();
  forged.add(VILLAGE, 'policy-change', changeOf(1), 'ben', { signer: 'oz' });
  forged.root(60);
  const signed = [forged.page(VILLAGE)];
  yield fault('statement-bad-signature', 'Its author did not sign it.', signed);
  const ahead = founded();
  ahead.root(3600 + 301);
  const time = [ahead.page(VILLAGE)];
  yield fault('state-root-invalid', 'Ahead of its witnesses.', time, {}, 'time');
  const wrong = founded();
  wrong.root(60, { fields: { index: new Uint8Array(32) } });
  yield fault('index-proof-failed', 'Another index root.', [wrong.page(VILLAGE)]);
}

/** A later state root that commits to an older head. */
function* rolledBack(fault, saved) {
  const log = closedLog();
  const { entries } = log;
  const heads = log.heads(5).set('log', log.heads().get('log'));
  const { seq, index, id } = log.heads(2).get(VILLAGE);
  heads.set(VILLAGE, { stream: VILLAGE, seq, index, id });
  log.root(180, { fields: { index: subtree(leavesOf(heads)) } });
  const page = log.page(VILLAGE, { from: 2, since: 4, limit: 0 });
  const { streamProof } = page;
  const older = {
    ...streamProof,
    indexProof: indexProof(VILLAGE, heads),
    head: [seq, index, id],
    from: 1,
  };
  const back = { ...page, streamProof: older };
  const description = `A head before that in the tree of ${entries.length} entries.`;
  yield fault('stream-rolled-back', description, [back], { saved });
}

function refused(name, description, evidence, code = MALFORMED, policy = POLICY_TEXT) {
  return invalid(FORMAT, name, description, inputOf(evidence, policy), code);
}

function* nothingShown() {
  const log = closedLog();
  const page = log.page(VILLAGE);
  const whole = evidenceOf([page]);
  const fault = 'statement-refused';
  yield refused('fault-none', 'All of it holds.', { ...whole, fault });
  const stale = { ...whole, clock: [Number(TIME) + 601, 600] };
  yield refused('fault-other', 'It ends with another fault.', { ...stale, fault });
  yield refused('fault-unsaid', 'It ends with a fault.', stale, 'checkpoint-stale');
  yield refused('about-missing', 'No such statement.', { ...whole, about: [VILLAGE, 3] });
  yield refused('about-inbox-missing', 'Nobody read it.', { ...whole, about: [INBOX, 0] });
  const early = evidenceOf([log.page(VILLAGE, { from: 2, since: 4 })], { saved: savedAt4(log) });
  yield refused('about-before', 'It was known before.', { ...early, about: [VILLAGE, 1] });
  yield refused('pages-none', 'No page.', { ...whole, pages: [] });
  const half = evidenceOf([log.page(VILLAGE, { limit: 2 })]);
  yield refused('page-missing', 'The rest is missing.', half);
  const open = villageLog();
  const village = evidenceOf([open.page(VILLAGE)]);
  yield refused('inbox-missing', 'That of the inbox is missing.', village);
  yield refused('page-more', 'A page too many.', evidenceOf([page, page]));
  const foreign = policyText(keyOf('log.example/another').vkey);
  yield refused(
    'log-unknown',
    'A log that the reader does not know.',
    whole,
    'origin-unknown',
    foreign,
  );
  const rekeyed = policyText(keyOf(LOG.name, 1, 'another key of the log').vkey);
  const unverified = 'note-unverified';
  yield refused('log-key', 'Another key of the log.', whole, unverified, rekeyed);
  const state = cbor(asMaps({ ...Object.fromEntries(stateAt4(log)), village: 'south' }));
  const mixed = { ...early, saved: [log.checkpoint(4), state, null] };
  yield refused('saved-other', 'The state of another village.', mixed, 'storage-corrupt');
  const junk = { ...early, saved: [log.checkpoint(4), ascii('junk'), null] };
  yield refused('saved-junk', 'No state.', junk, 'storage-corrupt');
  const secret = privateLog();
  const sealed = evidenceOf([secret.page(VILLAGE)]);
  yield refused('openings-missing', 'Without its openings.', sealed, 'opening-missing');
  const policy = { ...whole, policy: ascii('quorum?\n') };
  yield refused('policy-in-file-malformed', 'No policy.', policy, 'policy-malformed');
}

function* malformedFiles() {
  const good = evidenceOf([closedLog().page(VILLAGE)]);
  const bytes = cbor(Object.values(good));
  yield refused('empty', 'No bytes.', EMPTY);
  yield refused('cut-off', 'The last byte is missing.', bytes.subarray(0, -1));
  yield refused('byte-too-much', 'A byte follows.', concatBytes(bytes, [0]));
  yield refused('version', 'Another version.', { ...good, version: 'writ-evidence/v2' });
  yield refused('nine-items', 'An item more.', { ...good, more: null });
  yield refused('map', 'A map.', cbor(new Map(Object.entries(good))));
  yield refused('village-dots', 'No village id.', { ...good, village: '..' });
  const elsewhere = [`village/south`, 0];
  yield refused('about-elsewhere', 'Another village.', { ...good, about: elsewhere });
  yield refused('about-one-item', 'Without a number.', { ...good, about: [VILLAGE] });
  yield refused('about-negative', 'A negative number.', { ...good, about: [VILLAGE, -1] });
  yield refused('policy-text', 'Text for bytes.', { ...good, policy: POLICY_TEXT });
  yield refused('clock-one-item', 'Without an age.', { ...good, clock: [1] });
  yield refused('saved-two-items', 'Without an inbox.', { ...good, saved: [EMPTY, null] });
  yield refused('pages-text', 'Text for a page.', { ...good, pages: ['page'] });
  const crowd = Array.from({ length: 10_001 }, () => Uint8Array.of(0));
  yield refused('pages-10001', 'Too many pages.', { ...good, pages: crowd });
  yield refused('fault-words', 'No code.', { ...good, fault: 'It is wrong' });
}
