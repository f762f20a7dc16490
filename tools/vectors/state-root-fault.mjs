// State root faults (spec/state-root-fault.md): logs that published a tree without a right state root.

import { concatBytes } from '@writ/core/bytes';
import { policyText } from './follow-page-log.mjs';
import {
  ascii,
  checkpointOf,
  fixedBytes,
  hex,
  invalid,
  keyOf,
  LOG,
  noteOf,
  TIME,
  valid,
} from './scenery.mjs';
import { AUTHOR, cbor, EMPTY, exampleLog, Log, leavesOf, subtree } from './statement-log.mjs';

const FORMAT = 'state-root-fault';
const MALFORMED = 'state-root-fault-malformed';
const POLICY = policyText(LOG.vkey);
const OTHER_LOG = keyOf(LOG.name, 1, 'another key of the log');

export function* stateRootFaultVectors() {
  yield* faultsOfTheLast();
  yield* faultsOfOthers();
  yield* noFaults();
  yield* malformedFiles();
}

/** The seven items of a file about entry `index` of the tree of `size`. */
function faultOf(log, reason, { index, size = log.entries.length, computed = null } = {}) {
  const at = index ?? size - 1;
  return {
    version: 'writ-state-root-fault/v1',
    checkpoint: log.checkpoint(size),
    index: at,
    entry: log.entries[at].bytes,
    proof: log.inclusion(at, size),
    reason,
    computed,
  };
}

function inputOf(fault) {
  const bytes = fault instanceof Uint8Array ? fault : cbor(Object.values(fault));
  return { policy: POLICY, fault: hex(bytes) };
}

function shown(name, description, fault, facts = {}) {
  const { reason, index } = fault;
  return valid(FORMAT, name, description, inputOf(fault), {
    reason,
    index: String(index),
    ...facts,
  });
}

/** A log of one note and a state root. */
function rooted(options) {
  const log = new Log();
  log.note('b');
  log.stateRoot(options);
  return log;
}

/** The index over the entries before `index`: what an auditor computes. */
function computedAt(log, index) {
  const heads = log.heads(index);
  return [subtree(leavesOf(heads)), heads.size];
}

function* faultsOfTheLast() {
  const none = new Log();
  for (const name of 'bb') none.note(name);
  yield shown('form', 'The last entry is no state root.', faultOf(none, 'form'), { size: '2' });
  const junk = new Log();
  junk.push('log', ascii('junk'));
  yield shown('form-junk', 'It is no statement.', faultOf(junk, 'form'));
  for (const size of [0, 2]) {
    const fault = faultOf(rooted({ fields: { size } }), 'size');
    yield shown(`size-${size}`, 'It is for another size.', fault);
  }
  yield shown('key', 'Somebody else signed it.', faultOf(rooted({ signer: AUTHOR }), 'key'));
  const other = faultOf(rooted({ signer: OTHER_LOG.signer }), 'key');
  yield shown('key-other', 'A key of the log that did not sign the checkpoint.', other);
  const forged = rooted();
  const { bytes } = forged.entries.pop();
  forged.push('log', bytes.with(bytes.length - 1, bytes.at(-1) ^ 1));
  yield shown('signature', 'A changed signature.', faultOf(forged, 'signature'));
  const ahead = rooted({ fields: { time: Number(TIME) + 301 } });
  yield shown('time', 'More than 300 seconds ahead of its witnesses.', faultOf(ahead, 'time'));
  const wrong = rooted({ fields: { index: fixedBytes('index') } });
  const computed = computedAt(wrong, 1);
  const facts = { computed_root: hex(computed[0]), computed_streams: '1' };
  const fault = faultOf(wrong, 'index', { computed });
  yield shown('index', 'Another index than the entries have.', fault, facts);
  const streams = rooted({ fields: { streams: 2 } });
  const counted = faultOf(streams, 'index', { computed: computedAt(streams, 1) });
  yield shown('index-streams', 'Another number of streams.', counted, facts);
  yield* alone(wrong, computed);
}

/** No quorum is asked for: the log answers for what it signed. */
function* alone(log, computed) {
  const text = checkpointOf({ size: 2, root: log.hash(0n, 2n) });
  const checkpoint = ascii(noteOf(text, LOG));
  const fault = { ...faultOf(log, 'index', { computed }), checkpoint };
  yield shown('not-cosigned', 'Nobody cosigned.', fault);
}

function* faultsOfOthers() {
  const size = new Log();
  size.note('b');
  size.stateRoot({ fields: { size: 0 } });
  size.note('b');
  size.stateRoot();
  yield shown('earlier-size', 'Not the last of its tree.', faultOf(size, 'size', { index: 1 }));
  const index = new Log();
  index.note('b');
  index.stateRoot({ fields: { index: fixedBytes('index') } });
  index.note('b');
  index.stateRoot();
  const fault = faultOf(index, 'index', { index: 1, computed: computedAt(index, 1) });
  yield shown('earlier-index', 'Another index, before the last.', fault);
  const key = new Log();
  key.note('b');
  key.stateRoot({ signer: OTHER_LOG.signer });
  key.stateRoot();
  const retired = faultOf(key, 'key', { index: 1 });
  const description = 'Before the last the key may have been another.';
  yield refused('earlier-key', description, retired, MALFORMED, { field: 'reason' });
}

function refused(name, description, fault, code, detail) {
  return invalid(FORMAT, name, description, inputOf(fault), code, detail);
}

function* noFaults() {
  const log = exampleLog();
  const reason = { field: 'reason' };
  const none = (name, description, fault, detail = reason) =>
    refused(name, description, fault, MALFORMED, detail);
  const right = computedAt(log, 11);
  yield none('right', 'It is right.', faultOf(log, 'index', { computed: right }));
  for (const word of ['form', 'size', 'key', 'signature', 'time']) {
    yield none(`right-${word}`, 'Nothing is wrong with it.', faultOf(log, word));
  }
  const wrong = rooted({ fields: { size: 0 }, signer: AUTHOR });
  yield none('reason-second', 'The first check that fails is the reason.', faultOf(wrong, 'key'));
  const old = rooted({ fields: { time: Number(TIME) - 86_401 } });
  yield none('age', 'To be old is no fault.', faultOf(old, 'time'));
  const entry = { field: 'entry' };
  const note = faultOf(log, 'form', { index: 1 });
  yield none('earlier-note', 'Any entry may stand before the last.', note, entry);
  const good = faultOf(rooted({ fields: { size: 0 } }), 'size');
  const shifted = { ...good, index: 0 };
  yield refused('index-other', 'Another leaf index.', shifted, 'inclusion-failed');
  const short = { ...good, proof: [] };
  yield refused('proof-short', 'A hash is missing.', short, 'inclusion-failed');
  const made = { ...good, entry: faultOf(rooted({ fields: { size: 7 } }), 'size').entry };
  yield refused('entry-other', 'Another entry.', made, 'inclusion-failed');
  const text = checkpointOf({ size: 2, root: fixedBytes('root') });
  const unsigned = { ...good, checkpoint: ascii(noteOf(text, OTHER_LOG)) };
  yield refused('checkpoint-key', 'Another key signed.', unsigned, 'note-unverified');
  const beyond = { ...good, index: 2 };
  yield refused('index-beyond', 'Behind the tree.', beyond, 'entry-absent');
}

function* malformedFiles() {
  const good = faultOf(rooted({ fields: { size: 0 } }), 'size');
  const bytes = cbor(Object.values(good));
  const bad = (name, description, fault, field) =>
    refused(name, description, fault, MALFORMED, { field });
  yield bad('empty', 'No bytes.', EMPTY, 'envelope');
  yield bad('cut-off', 'The last byte is missing.', bytes.subarray(0, -1), 'envelope');
  yield bad('byte-too-much', 'A byte follows.', concatBytes(bytes, [0]), 'envelope');
  yield bad(
    'version',
    'Another version.',
    { ...good, version: 'writ-state-root-fault/v2' },
    'envelope',
  );
  yield bad('eight-items', 'An item more.', { ...good, more: null }, 'envelope');
  const { computed, ...six } = good;
  yield bad('six-items', 'An item is missing.', six, 'envelope');
  yield bad('map', 'A map.', cbor(new Map(Object.entries(good))), 'envelope');
  yield bad('checkpoint-text', 'Text for bytes.', { ...good, checkpoint: 'note' }, 'checkpoint');
  yield bad('index-negative', 'A negative index.', { ...good, index: -1 }, 'leaf index');
  yield bad('entry-null', 'No entry.', { ...good, entry: computed }, 'entry');
  const hashes = Array.from({ length: 64 }, () => fixedBytes('hash'));
  yield bad('proof-64', 'Too many hashes.', { ...good, proof: hashes }, 'proof');
  const short = [fixedBytes('hash').subarray(1)];
  yield bad('proof-31-bytes', 'A short hash.', { ...good, proof: short }, 'proof');
  yield bad('reason-unknown', 'No such reason.', { ...good, reason: 'age' }, 'reason');
  const index = [fixedBytes('index'), 1];
  yield bad('computed-needless', 'For another reason.', { ...good, computed: index }, 'computed');
  yield bad('computed-missing', 'For the index.', { ...good, reason: 'index' }, 'computed');
  const half = { ...good, reason: 'index', computed: index.slice(0, 1) };
  yield bad('computed-one-item', 'Without the number.', half, 'computed');
}
