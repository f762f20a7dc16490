// Reconciliation reports (spec/reconciliation.md section 3): signed notes with one object in canonical JSON.

import { digest, fixedBytes, hex, invalid, keyOf, lineOf, octets, valid } from './scenery.mjs';
import { POLICY } from './village-history.mjs';

const FORMAT = 'report';
const HEADER = 'writ-reconciliation/v1';
const NODE = keyOf('node-17.example');
const OTHER = keyOf('node-18.example');

const id = (label) => hex(fixedBytes(label));
const headAt = (seq) => ({ seq, id: id(`statement ${seq}`), index: 10 * seq });

const CHECKPOINT = {
  origin: 'log.example/vectors',
  size: '12',
  root: id('root'),
  digest: id('note'),
};

const ENTRY = {
  ...headAt(4),
  previous: id('statement 3'),
  kind: 'policy-change',
  result: 'activated',
  isEffective: true,
};

const BEHIND = {
  village: 'north-grid',
  timeSeconds: 1_767_225_600,
  toolVersion: '0.1.0',
  mode: 'enforce',
  class: 'behind',
  reason: 'pending',
  message: 'the log has 1 statement that the node has not',
  local: { checkpoint: { ...CHECKPOINT, size: '9' }, head: headAt(3) },
  remote: { checkpoint: CHECKPOINT, head: headAt(4) },
  selectedHead: headAt(4),
  active: headAt(4),
  pending: { count: 1, digest: hex(digest(jcs([ENTRY]))), entries: [ENTRY] },
  proposals: [],
  edits: [],
  proofs: [{ name: 'village-0.follow-page', sha256: id('page') }],
  action: { pull: 'list', apply: 'apply' },
  exit: { pull: 0, apply: 0, drift: 1 },
};

export function* reportVectors() {
  yield* validReports();
  yield* falseNotes();
  yield* malformedReports();
}

/** RFC 8785 for what stands here: ASCII, and whole numbers. */
function jcs(value) {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${jcs(value[name])}`);
  return `{${members.join(',')}}`;
}

function noteOf(text, key = NODE) {
  return `${text}\n${lineOf(key, text)}`;
}

function signed(report, key) {
  return noteOf(`${HEADER}\n${jcs(report)}\n`, key);
}

function inputOf(note) {
  return { vkeys: [NODE.vkey], ...octets('report', note) };
}

function* validReports() {
  const accepted = (name, description, report, facts) =>
    valid(FORMAT, name, description, inputOf(signed(report)), {
      class: report.class,
      reason: report.reason,
      village: 'north-grid',
      pending: String(report.pending.count),
      exit: report.exit,
      ...facts,
    });
  yield accepted('behind', 'A statement waits.', BEHIND, { mode: 'enforce' });
  const nothing = { checkpoint: null, head: null };
  const aligned = {
    ...BEHIND,
    class: 'aligned',
    reason: 'same-head',
    message: 'nothing to do',
    mode: 'observe',
    local: BEHIND.remote,
    pending: { count: 0, digest: hex(digest(jcs([]))), entries: [] },
    exit: { pull: 0, apply: 0, drift: 0 },
  };
  yield accepted('aligned', 'The same head.', aligned, { mode: 'observe' });
  const first = { ...BEHIND, local: nothing, active: null };
  yield accepted('first', 'A node that has nothing yet.', first);
  const edit = { policy: POLICY, expected: id('spec'), found: null };
  const drifted = { ...aligned, class: 'local-drift', reason: 'local-edit', edits: [edit] };
  yield accepted('drift', 'A file is gone.', {
    ...drifted,
    exit: { pull: 11, apply: 0, drift: 1 },
  });
  const open = { id: id('proposal'), subject: `policy ${POLICY}`, version: 2, isExpired: false };
  const competing = { ...BEHIND, class: 'competing-proposals', reason: 'competing' };
  const both = [open, { ...open, id: id('another proposal') }];
  yield accepted('competing', 'Two proposals.', { ...competing, proposals: both });
  const split = {
    ...BEHIND,
    class: 'split-view',
    reason: 'fork-detected',
    remote: nothing,
    selectedHead: headAt(3),
    exit: { pull: 6, apply: 6, drift: 2 },
  };
  yield accepted('split-view', 'Two trees.', split);
  const edits = Array.from({ length: 1000 }, () => ({ ...edit, policy: '', expected: null }));
  yield accepted('edits-1000', 'As many as a report lists.', { ...drifted, edits });
}

function* falseNotes() {
  const refused = (name, description, note, code) =>
    invalid(FORMAT, name, description, inputOf(note), code);
  yield refused('key-other', 'Another node signed.', signed(BEHIND, OTHER), 'note-unverified');
  const text = `${HEADER}\n${jcs(BEHIND)}\n`;
  const forged = `${text}\n${lineOf(NODE, text.replace('behind', 'aligned'))}`;
  yield refused('signature', 'A signature of another text.', forged, 'note-bad-signature');
  yield refused('unsigned', 'No signature.', text, 'note-malformed');
  yield refused(
    'cut-off',
    'The last byte is missing.',
    signed(BEHIND).slice(0, -1),
    'note-malformed',
  );
}

function* malformedReports() {
  const bad = (name, description, text, field) => {
    const detail = field === undefined ? undefined : { field };
    return invalid(FORMAT, name, description, inputOf(noteOf(text)), 'json-malformed', detail);
  };
  const but = (name, description, fields, field) =>
    bad(name, description, `${HEADER}\n${jcs({ ...BEHIND, ...fields })}\n`, `report${field}`);
  const json = jcs(BEHIND);
  yield bad('header', 'Another version.', `writ-reconciliation/v2\n${json}\n`, 'header');
  yield bad('line-more', 'A line more.', `${HEADER}\n${json}\n\n`, 'header');
  yield bad('no-json', 'No JSON.', `${HEADER}\nhello\n`);
  yield bad('json-spaces', 'Not canonical.', `${HEADER}\n${json.replace(':', ': ')}\n`);
  const { action, ...rest } = BEHIND;
  yield bad(
    'json-order',
    'Members in another order.',
    `${HEADER}\n${JSON.stringify({ rest, action })}\n`,
  );
  const twice = json.replace('"active":', '"action":{},"active":');
  yield bad('json-twice', 'A member twice.', `${HEADER}\n${twice}\n`);
  yield bad('json-list', 'A list.', `${HEADER}\n[]\n`, 'report');
  yield but('member-more', 'A member that is not known.', { password: 'x' }, '.password');
  yield but('member-less', 'A member is missing.', { mode: undefined }, '.mode');
  yield but('mode', 'No such mode.', { mode: 'sleep' }, '.mode');
  yield but('class', 'No such class.', { class: 'fine' }, '.class');
  yield but('time-negative', 'A negative time.', { timeSeconds: -1 }, '.timeSeconds');
  yield but('time-fraction', 'A fraction.', { timeSeconds: 0.5 }, '.timeSeconds');
  const head = (fields) => ({ selectedHead: { ...headAt(4), ...fields } });
  yield but('id-short', 'A short id.', head({ id: 'ab' }), '.selectedHead.id');
  const upper = head({ id: id('statement 4').toUpperCase() });
  yield but('id-upper', 'An id in capitals.', upper, '.selectedHead.id');
  const side = (fields) => ({ local: { head: null, checkpoint: { ...CHECKPOINT, ...fields } } });
  yield but('size-number', 'A number for a size.', side({ size: 12 }), '.local.checkpoint.size');
  yield but('size-zero-ahead', 'A leading zero.', side({ size: '012' }), '.local.checkpoint.size');
  const edits = Array.from({ length: 1001 }, () => ({ policy: '', expected: null, found: null }));
  yield but('edits-1001', 'More than a report lists.', { edits }, '.edits');
  const kind = { pending: { ...BEHIND.pending, entries: [{ ...ENTRY, isEffective: 1 }] } };
  yield but('flag-number', 'A number for a flag.', kind, '.pending.entries[0].isEffective');
  const proof = { proofs: [{ name: 'page', sha256: 'ab' }] };
  yield but('proof-short', 'A short digest.', proof, '.proofs[0].sha256');
}
