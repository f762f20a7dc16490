// Follow pages (spec/follow.md sections 2 and 3): statements of a village with their places and times.

import { concatBytes } from '@writ/core/bytes';
import {
  POLICY_TEXT,
  pageBytes,
  privateLog,
  START,
  VillageLog,
  villageLog,
} from './follow-page-log.mjs';
import { fixedBytes, hex, invalid, keyOf, LOG, valid } from './scenery.mjs';
import { AUTHOR, cbor, EMPTY } from './statement-log.mjs';
import { constitution, INBOX, openingOf, VILLAGE } from './village-history.mjs';

const FORMAT = 'follow-page';

export function* followPageVectors() {
  const log = villageLog();
  yield* validPages(log);
  yield* privatePages();
  yield* falsePlaces(log);
  yield* falseSpans(log);
  yield* falseProofs(log);
  yield* malformedPages(log);
}

function inputOf(page, stream = VILLAGE) {
  const bytes = page instanceof Uint8Array ? page : pageBytes(page);
  return { policy: POLICY_TEXT, stream, follow_page: hex(bytes) };
}

function found(log) {
  const payload = { name: 'North Grid', constitution: constitution() };
  log.add(VILLAGE, 'village-create', payload, 'ada');
}

/** Leaf index, time and kind of each statement. */
function placed(...rows) {
  return rows.map(([index, seconds, kind]) => {
    return { index: String(index), time: String(START + seconds), kind };
  });
}

const ALL = placed(
  [1, 0, 'village-create'],
  [3, 60, 'policy-change'],
  [5, 60, 'quarantine-approve'],
  [9, 120, 'approve'],
  [10, 120, 'policy-disable'],
);

function* validPages(log) {
  const accepted = (name, description, page, facts, stream) =>
    valid(FORMAT, name, description, inputOf(page, stream), { size: '13', since: '0', ...facts });
  yield accepted('whole', 'All statements, with their times.', log.page(VILLAGE), {
    complete: true,
    statements: ALL,
  });
  yield accepted('page', 'Two in the middle.', log.page(VILLAGE, { from: 1, limit: 2 }), {
    complete: false,
    statements: ALL.slice(1, 3),
  });
  const grown = log.page(VILLAGE, { from: 3, since: 7 });
  const rest = { complete: true, statements: ALL.slice(3) };
  yield accepted('since', 'From a smaller tree on.', grown, { since: '7', ...rest });
  const nothing = log.page(VILLAGE, { from: 5, since: 13 });
  const none = { since: '13', complete: true, statements: [] };
  yield accepted('nothing-newer', 'The same tree, and nothing newer.', nothing, none);
  const inbox = { statements: placed([4, 60, 'policy-change']) };
  yield accepted('inbox', 'What an outsider proposed.', log.page(INBOX), inbox, INBOX);
  const absent = 'village/nowhere';
  yield accepted('absent', 'No such village.', log.page(absent), { statements: [] }, absent);
  const older = log.page(VILLAGE, { size: 7 });
  const facts = { size: '7', statements: ALL.slice(0, 3) };
  yield accepted('older-tree', 'The tree before.', older, facts);
  yield* firstPages(accepted);
}

/** Before the first state root the time is 0, and the span starts with the first statement of the log. */
function* firstPages(accepted) {
  const early = new VillageLog();
  early.quiet();
  found(early);
  early.root(0);
  const facts = { size: '3', statements: [{ index: '1', time: '0', kind: 'village-create' }] };
  yield accepted('no-time-yet', 'Before the first state root.', early.page(VILLAGE), facts);
  const first = new VillageLog();
  found(first);
  first.root(0);
  first.root(60);
  const before = { size: '3', statements: [{ index: '0', time: '0', kind: 'village-create' }] };
  yield accepted('before-the-log', 'Before anything of the log.', first.page(VILLAGE), before);
}

function* privatePages() {
  const log = privateLog();
  const page = log.page(VILLAGE);
  const opened = { ...page, openings: log.openings };
  const rows = placed([1, 0, 'village-create'], [2, 0, 'policy-change'], [4, 60, 'policy-change']);
  const facts = { size: '6', since: '0', complete: true, statements: rows };
  yield valid(FORMAT, 'openings', 'A private village, for a member.', inputOf(opened), facts);
  const some = { ...log.page(VILLAGE, { from: 1, limit: 1 }), openings: log.openings.slice(1, 2) };
  yield valid(FORMAT, 'openings-page', 'One of its statements.', inputOf(some), {
    complete: false,
    statements: rows.slice(1, 2),
  });
  const refused = (name, description, openings, code, detail) =>
    invalid(FORMAT, name, description, inputOf({ ...page, openings }), code, detail);
  const hidden = inputOf(page);
  yield invalid(FORMAT, 'openings-none', 'For a stranger.', hidden, 'opening-missing');
  const [first, second, third] = log.openings;
  const swapped = [first, third, second];
  yield refused('openings-swapped', 'In another order.', swapped, 'opening-failed');
  const other = openingOf('note', 'drill', fixedBytes('salt'));
  yield refused('opening-other', 'Another opening.', [first, second, other], 'opening-failed');
  const changed = third.with(third.length - 1, third.at(-1) ^ 1);
  yield refused('opening-changed', 'A changed byte.', [first, second, changed], 'opening-failed');
  const field = { field: 'page' };
  const malformed = 'stream-proof-malformed';
  yield refused('openings-two', 'One is missing.', [first, second], malformed, field);
  yield refused('openings-four', 'One too many.', [...log.openings, third], malformed, field);
  yield refused('openings-empty', 'An empty list.', [], malformed, field);
  const open = villageLog();
  const needless = { ...open.page(VILLAGE, { from: 4 }), openings: [other] };
  const input = inputOf(needless);
  const description = 'An opening of a statement in clear.';
  yield invalid(FORMAT, 'opening-needless', description, input, 'statement-malformed');
}

function refused(name, description, page, code, detail) {
  return invalid(FORMAT, name, description, inputOf(page), code, detail);
}

function* falsePlaces(log) {
  const good = log.page(VILLAGE);
  const place = (at, fields) => {
    const items = { ...good.places[at], ...fields };
    return { ...good, places: good.places.with(at, Object.values(items)) };
  };
  const code = 'inclusion-failed';
  yield refused('place-index', 'Another leaf.', place(1, { 0: 2 }), code, { index: 2 });
  const proof = good.places[1][2];
  yield refused('place-proof-short', 'A hash is missing.', place(1, { 2: proof.slice(1) }), code);
  const other = place(1, { 2: good.places[2][2] });
  yield refused('place-proof-other', 'The proof of another leaf.', other, code);
  yield refused('place-huge', 'Behind the tree.', place(1, { 0: 2 ** 40 }), code);
  const fewer = { ...good, places: good.places.slice(0, 4) };
  const malformed = 'stream-proof-malformed';
  yield refused('places-four', 'A place is missing.', fewer, malformed, { field: 'page' });
  const more = { ...good, places: [...good.places, good.places[4]] };
  yield refused('places-six', 'A place too many.', more, malformed, { field: 'page' });
  yield refused('place-span', 'No such span.', place(4, { 1: 3 }), malformed, { field: 'page' });
  const earlier = place(4, { 1: 1 });
  yield refused('place-earlier', 'The time before.', earlier, 'state-root-invalid');
  const later = place(1, { 1: 2 });
  yield refused('place-later', 'The time behind.', later, 'state-root-invalid');
  yield* twice();
}

/** A statement that stands in the log twice: the index names one of the leaves. */
function* twice() {
  const log = new VillageLog();
  log.root(0);
  found(log);
  log.root(60);
  const { bytes } = log.entries[1];
  log.push('audit/other', bytes);
  log.root(120);
  const page = log.page(VILLAGE);
  const moved = { ...page, places: [[3, 0, log.inclusion(3, 5)]] };
  const reason = { reason: 'head' };
  yield refused(
    'head-elsewhere',
    'Not where the index has it.',
    moved,
    'state-root-invalid',
    reason,
  );
}

function* falseSpans(log) {
  const good = log.page(VILLAGE);
  const span = (at, fields) => {
    const items = Object.values({ ...good.spans[at], ...fields });
    return { ...good, spans: good.spans.with(at, items) };
  };
  const code = 'state-root-invalid';
  const of = (...indexes) => indexes.map((index) => log.entries[index].bytes);
  const anchor = (index) => [index, log.inclusion(index, 13)];
  const bad = (name, description, page, fault = code) => refused(name, description, page, fault);
  yield bad('span-wide', 'A state root lies between.', span(0, { 0: of(0, 2, 6), 2: anchor(6) }));
  yield bad('span-gap', 'A statement of the log is left out.', span(2, { 0: of(6, 8) }));
  yield bad('span-order', 'Two are swapped.', span(2, { 0: of(6, 8, 7) }));
  const protocol = span(2, { 0: of(7, 8), 1: anchor(7) });
  yield bad('span-protocol', 'The last span starts with no state root.', protocol);
  yield bad('span-first', 'Without a start, and not from the first on.', span(1, { 1: null }));
  const before = span(1, { 1: [2, log.inclusion(0, 13)] });
  yield bad('span-before-proof', 'The start is not there.', before, 'inclusion-failed');
  const elsewhere = span(1, { 1: anchor(0) });
  yield bad('span-before-index', 'The start is elsewhere.', elsewhere, 'inclusion-failed');
  const after = span(1, { 2: anchor(12) });
  yield bad('span-after-index', 'The end is elsewhere.', after, 'inclusion-failed');
  const foreign = span(1, { 0: of(2, 3) });
  yield bad('span-foreign', 'A statement of the village.', foreign);
  const junk = span(1, { 0: [...of(2), fixedBytes('junk')] });
  yield bad('span-junk', 'No statement.', junk, 'statement-malformed');
  const root = log.entries[6].bytes;
  const forged = span(1, { 0: [...of(2), root.with(root.length - 1, root.at(-1) ^ 1)] });
  yield bad('span-signature', 'A changed signature.', forged);
  const field = { field: 'page' };
  const empty = span(1, { 0: of(2), 2: null });
  yield refused('span-end', 'It ends with the tree, and leaves a root out.', empty, code);
  const bare = span(2, { 0: [], 1: null });
  yield refused('span-bare', 'The state root of the tree alone.', bare, code);
  const lone = span(1, { 0: of(2), 2: anchor(2) });
  yield refused('span-lone', 'One statement at both ends.', lone, 'stream-proof-malformed', field);
  const crowd = span(1, { 0: Array.from({ length: 65 }, () => of(2)[0]) });
  yield refused('span-65', 'Too many statements.', crowd, 'stream-proof-malformed', field);
  yield* otherKeys(code);
}

function* otherKeys(code) {
  const of = (signer) => {
    const log = new VillageLog();
    log.root(0);
    log.quiet(signer);
    found(log);
    log.root(60);
    return log.page(VILLAGE);
  };
  const other = keyOf(LOG.name, 1, 'another key of the log').signer;
  yield refused('span-key', 'A key of the log that is not listed.', of(other), code);
  yield refused('span-author', 'Signed by somebody.', of(AUTHOR), code);
  const lied = new VillageLog();
  lied.root(0, { fields: { size: 5 } });
  found(lied);
  lied.root(60);
  yield refused('span-size', 'The start is for another size.', lied.page(VILLAGE), code);
}

/** What a stream proof refuses, a page with it does. */
function* falseProofs(log) {
  const good = log.page(VILLAGE);
  const { streamProof } = good;
  const old = { ...streamProof, head: log.proof(VILLAGE, { size: 7 }).head };
  const page = { ...good, streamProof: { ...old, entries: streamProof.entries.slice(0, 3) } };
  yield refused('head-old', 'An older head.', page, 'index-proof-failed');
  const other = inputOf(log.page(INBOX));
  yield invalid(FORMAT, 'stream-other', 'Another stream.', other, 'index-proof-failed');
  const inner = { ...good, streamProof: EMPTY };
  yield refused('proof-empty', 'No stream proof.', inner, 'stream-proof-malformed');
}

function* malformedPages(log) {
  const good = log.page(VILLAGE);
  const bytes = pageBytes(good);
  const bad = (name, description, page) =>
    refused(name, description, page, 'stream-proof-malformed', { field: 'page' });
  yield bad('empty', 'No bytes.', EMPTY);
  yield bad('cut-off', 'The last byte is missing.', bytes.subarray(0, -1));
  yield bad('byte-too-much', 'A byte follows.', concatBytes(bytes, [0]));
  yield bad('version', 'Another version.', { ...good, version: 'writ-follow-page/v2' });
  const { spans, ...five } = good;
  yield bad('five-items', `Without its ${spans.length} spans.`, five);
  yield bad('eight-items', 'Two items more.', { ...good, openings: [], more: null });
  yield bad('map', 'A map.', cbor(new Map([['version', good.version]])));
  yield bad('since-negative', 'A negative size.', { ...good, since: -1 });
  yield bad('since-text', 'Text for a size.', { ...good, since: '7' });
  const short = fixedBytes('hash').subarray(1);
  yield bad('hash-31', 'A short hash.', { ...good, hashes: [short] });
  const hashes = Array.from({ length: 127 }, () => fixedBytes('hash'));
  yield bad('hashes-127', 'Too many hashes.', { ...good, hashes });
  const [first] = good.places;
  const long = [first[0], first[1], hashes.slice(0, 64)];
  yield bad('place-proof-64', 'Too many hashes.', { ...good, places: good.places.with(0, long) });
  const two = first.slice(0, 2);
  yield bad('place-two-items', 'No proof.', { ...good, places: good.places.with(0, two) });
  const hollow = [[EMPTY], null, null];
  yield bad('anchor-text', 'Text for an anchor.', {
    ...good,
    spans: good.spans.with(0, [[EMPTY], 'here', null]),
  });
  const many = Array.from({ length: 501 }, () => hollow);
  yield bad('spans-501', 'Too many spans.', { ...good, spans: many });
}
