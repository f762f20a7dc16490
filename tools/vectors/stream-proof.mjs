// Stream proofs (spec/stream-proof.md): a log of twelve statements in three published trees.

import { concatBytes } from '@writ/core/bytes';
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
  WITNESSES,
} from './scenery.mjs';
import { AUTHOR, cbor, EMPTY, exampleLog, Log, ROOT_TIME } from './statement-log.mjs';

const FORMAT = 'stream-proof';
const OTHER_LOG = keyOf(LOG.name, 1, 'another key of the log');
const STREAM = 'audit/b';

const POLICY = [
  `log ${LOG.vkey}`,
  ...WITNESSES.map(({ vkey }, i) => `witness w${i + 1} ${vkey}`),
  'group g 2 w1 w2 w3',
  'quorum g',
  '',
].join('\n');

export function* streamProofVectors() {
  const log = exampleLog();
  yield* validProofs(log);
  yield* falseHeads(log);
  yield* falseStatements(log);
  yield* falseStateRoots();
  yield* falseTrees(log);
  yield* malformedFiles(log);
}

function fileOf(proof) {
  return cbor(Object.values(proof));
}

function inputOf(bytes) {
  return { policy: POLICY, stream_proof: hex(bytes) };
}

function* validProofs(log) {
  const accepted = (name, description, proof, facts) =>
    valid(FORMAT, name, description, inputOf(fileOf(proof)), {
      size: String(log.entries.length),
      time: String(ROOT_TIME),
      ...facts,
    });
  const head = [String(4), String(10), hex(log.entries[10].id)];
  yield accepted('whole', 'All statements of a stream.', log.proof(STREAM), {
    stream: STREAM,
    streams: '4',
    head,
    from: '0',
    complete: true,
    statements: [1, 2, 6, 8, 10].map((index) => hex(log.entries[index].id)),
  });
  yield accepted(
    'page',
    'Two statements in the middle.',
    log.proof(STREAM, { from: 1, limit: 2 }),
    {
      head,
      from: '1',
      complete: false,
      statements: [2, 6].map((index) => hex(log.entries[index].id)),
    },
  );
  yield accepted('head', 'The newest statement.', log.proof(STREAM, { from: 4 }), {
    from: '4',
    complete: true,
  });
  yield accepted('nothing-newer', 'The head alone.', log.proof(STREAM, { from: 5 }), {
    head,
    from: '5',
    complete: true,
    statements: [],
  });
  yield accepted('absent', 'There is no such stream.', log.proof('audit/nobody'), {
    stream: 'audit/nobody',
    head: null,
    complete: true,
    statements: [],
  });
  const early = log.proof('audit/c', { size: 4 });
  yield accepted('not-yet', 'A stream that begins later.', early, { size: '4', head: null });
  yield accepted(
    'log',
    'The stream of the log, up to the state root before the last.',
    log.proof('log'),
    {
      stream: 'log',
      statements: [3, 7].map((index) => hex(log.entries[index].id)),
    },
  );
  const single = new Log();
  single.stateRoot();
  yield accepted('first-tree', 'A tree of one entry has no streams yet.', single.proof('log'), {
    size: '1',
    streams: '0',
    head: null,
  });
  for (const [name, seconds] of [
    ['time-300-ahead', 300],
    ['time-day-old', -86_400],
  ]) {
    const edge = new Log();
    edge.note('b');
    const time = Number(TIME) + seconds;
    edge.stateRoot({ fields: { time } });
    const facts = { size: '2', time: String(time) };
    yield accepted(name, 'A clock at its limit.', edge.proof(STREAM), facts);
  }
}

function refused(name, description, proof, code, detail) {
  return invalid(FORMAT, name, description, inputOf(fileOf(proof)), code, detail);
}

function* falseHeads(log) {
  const code = 'index-proof-failed';
  const good = log.proof(STREAM);
  const older = log.proof(STREAM, { size: 8 });
  const frozen = { ...good, head: older.head, entries: older.entries };
  yield refused('head-old', 'An older head.', frozen, code);
  const both = { ...frozen, indexProof: older.indexProof };
  yield refused('index-old', 'The head and index proof of an older tree.', both, code);
  const id = fixedBytes('another statement');
  yield refused('head-id', 'Another id.', { ...good, head: good.head.with(2, id) }, code);
  yield refused('head-index', 'Another leaf index.', { ...good, head: good.head.with(1, 9) }, code);
  const beyond = { ...good, head: good.head.with(1, 11) };
  yield refused('head-behind-root', 'A head behind the state root.', beyond, code);
  const { indexProof: absence } = log.proof('audit/nobody');
  const hidden = { ...good, indexProof: absence, head: null, entries: [] };
  yield refused('hidden', 'The absence of another stream.', hidden, code);
  yield refused(
    'stream-other',
    'The name of another stream.',
    { ...good, stream: 'audit/c' },
    code,
  );
}

function* falseStatements(log) {
  const code = 'stream-incomplete';
  const good = log.proof(STREAM);
  const [e0, e1, e2, e3, e4] = good.entries;
  const other = log.entries[5].bytes;
  const swapped = { ...good, entries: [e0, e2, e1, e3, e4] };
  yield refused('order', 'Two statements are swapped.', swapped, code, { seq: 1 });
  const twice = { ...good, entries: [e0, e1, e1, e3, e4] };
  yield refused('twice', 'One statement stands for another.', twice, code, { seq: 2 });
  const foreign = { ...good, entries: [e0, e1, e2, other, e4] };
  yield refused('foreign', 'A statement of another stream.', foreign, code, { seq: 3 });
  const fake = new Log();
  for (const name of 'abbrabb') fake.note(name);
  const forged = { ...good, entries: [e0, e1, fake.entries[5].bytes, e3, e4] };
  yield refused('predecessor', 'A statement that the next does not name.', forged, code);
  const last = { ...good, entries: [e0, e1, e2, e3, e4.with(-1 + e4.length, e4.at(-1) ^ 1)] };
  yield refused('last-changed', 'The last is not the head.', last, code, { seq: 4 });
  const junk = { ...good, entries: [e0, e1, e2, e3, ascii('junk')] };
  yield refused('no-statement', 'An entry is no statement.', junk, 'statement-malformed', {
    seq: 4,
  });
  const page = log.proof(STREAM, { limit: 2 });
  const moved = { ...page, tail: [page.tail[0] + 1, page.tail[1]] };
  yield refused('tail-index', 'The last is elsewhere.', moved, 'inclusion-failed');
  const short = { ...page, tail: [page.tail[0], page.tail[1].slice(1)] };
  yield refused('tail-proof', 'A hash is missing.', short, 'inclusion-failed');
}

function* falseStateRoots() {
  const rooted = (name, description, options, reason) => {
    const log = new Log();
    log.note('b');
    log.stateRoot(options);
    return refused(name, description, log.proof(STREAM), 'state-root-invalid', { reason });
  };
  const at = (seconds) => ({ fields: { time: Number(TIME) + seconds } });
  yield rooted('root-size-below', 'For a smaller tree.', { fields: { size: 0 } }, 'size');
  yield rooted('root-size-above', 'For a larger tree.', { fields: { size: 2 } }, 'size');
  yield rooted('root-author', 'Signed by somebody.', { signer: AUTHOR }, 'key');
  yield rooted(
    'root-key',
    'Signed by a key that is not listed.',
    { signer: OTHER_LOG.signer },
    'key',
  );
  yield rooted('root-time-ahead', 'More than 300 seconds ahead.', at(301), 'time');
  yield rooted('root-time-old', 'More than a day old.', at(-86_401), 'age');
  const zero = { fields: { index: fixedBytes('index') } };
  const log = new Log();
  log.note('b');
  log.stateRoot(zero);
  yield refused('root-index', 'Another index root.', log.proof(STREAM), 'index-proof-failed');
  const none = new Log();
  for (const name of 'bb') none.note(name);
  const reason = 'form';
  yield refused('root-none', 'No state root.', none.proof(STREAM), 'state-root-invalid', {
    reason,
  });
  const forged = new Log();
  forged.note('b');
  forged.stateRoot();
  const { bytes } = forged.entries.pop();
  forged.push('log', bytes.with(bytes.length - 1, bytes.at(-1) ^ 1));
  const detail = { reason: 'signature' };
  yield refused(
    'root-signature',
    'A changed signature.',
    forged.proof(STREAM),
    'state-root-invalid',
    detail,
  );
}

function* falseTrees(log) {
  const good = log.proof(STREAM);
  const old = { ...good, stateRoot: log.entries[7].bytes };
  yield refused('root-elsewhere', 'The state root of an older tree.', old, 'inclusion-failed');
  const older = { ...good, checkpoint: log.checkpoint(8) };
  yield refused('checkpoint-old', 'The checkpoint of an older tree.', older, 'inclusion-failed');
  const text = checkpointOf({ size: 12, root: log.hash(0n, 12n) });
  const alone = { ...good, checkpoint: ascii(noteOf(text, LOG)) };
  yield refused('quorum', 'Nobody cosigned.', alone, 'quorum-not-met');
  const unsigned = { ...good, checkpoint: ascii(noteOf(text, ...WITNESSES)) };
  yield refused('log-signature', 'The log did not sign.', unsigned, 'note-unverified');
}

function* malformedFiles(log) {
  const good = log.proof(STREAM);
  const bad = (name, description, bytes, field) =>
    invalid(FORMAT, name, description, inputOf(bytes), 'stream-proof-malformed', { field });
  const but = (name, description, fields, field) =>
    bad(name, description, fileOf({ ...good, ...fields }), field);
  const bytes = fileOf(good);
  yield bad('empty', 'No bytes.', EMPTY, 'envelope');
  yield bad('cut-off', 'The last byte is missing.', bytes.subarray(0, -1), 'envelope');
  yield bad('byte-too-much', 'A byte follows.', concatBytes(bytes, [0]), 'envelope');
  yield bad(
    'nine-items',
    'The tail is missing.',
    cbor(Object.values(good).slice(0, 9)),
    'envelope',
  );
  yield bad('map', 'A map.', cbor(new Map(Object.entries(good))), 'envelope');
  yield but('version', 'Another version.', { version: 'writ-stream-proof/v2' }, 'version');
  yield but('stream-dots', 'No stream id.', { stream: 'audit/..' }, 'stream');
  yield but('checkpoint-text', 'Text for bytes.', { checkpoint: 'note' }, 'checkpoint');
  yield but('checkpoint-empty', 'No checkpoint.', { checkpoint: EMPTY }, 'checkpoint');
  yield but('root-empty', 'No state root.', { stateRoot: EMPTY }, 'state root');
  const short = good.stateRootProof.with(0, good.stateRootProof[0].subarray(1));
  yield but('root-proof-31-bytes', 'A short hash.', { stateRootProof: short }, 'state root proof');
  const many = Array.from({ length: 64 }, () => fixedBytes('hash'));
  yield but('root-proof-64', 'Too many hashes.', { stateRootProof: many }, 'state root proof');
  yield but('index-proof-junk', 'No index proof.', { indexProof: ascii('junk') }, 'index proof');
  yield but('head-two-items', 'The id is missing.', { head: good.head.slice(0, 2) }, 'head');
  yield but(
    'head-31-bytes',
    'A short id.',
    { head: good.head.with(2, fixedBytes('a').subarray(1)) },
    'head',
  );
  yield but(
    'head-missing',
    'A proof of presence without a head.',
    { head: null, entries: [] },
    'head',
  );
  yield but('from-negative', 'A negative number.', { from: -1 }, 'from');
  yield but('from-2-53', 'A number too large.', { from: 2n ** 53n }, 'from');
  yield but('from-beyond', 'Behind the head.', { from: 6, entries: [] }, 'from');
  yield but('entries-none', 'An empty page although there is more.', { entries: [] }, 'entries');
  const extra = [...good.entries, good.entries[0]];
  yield but('entries-too-many', 'More than the stream has.', { entries: extra }, 'entries');
  const crowd = Array.from({ length: 501 }, () => Uint8Array.of(0));
  const long = { head: good.head.with(0, 1000), entries: crowd };
  yield but('entries-501', 'More than a file may hold.', long, 'entries');
  const holes = good.entries.with(2, EMPTY);
  yield but('entry-empty', 'An empty entry.', { entries: holes }, 'entries');
  const absent = { ...log.proof('audit/nobody') };
  yield bad('absent-from', 'An absent stream from 1 on.', fileOf({ ...absent, from: 1 }), 'from');
  const filled = fileOf({ ...absent, entries: good.entries });
  yield bad('absent-entries', 'Statements of an absent stream.', filled, 'entries');
  const page = log.proof(STREAM, { limit: 2 });
  yield bad('tail-missing', 'A page without a tail.', fileOf({ ...page, tail: null }), 'tail');
  yield but('tail-needless', 'A tail behind the head.', { tail: page.tail }, 'tail');
  const behind = fileOf({ ...page, tail: [11, page.tail[1]] });
  yield bad('tail-behind-head', 'A tail after the head.', behind, 'tail');
}
