// Records of nodes: a statement of each kind, payloads that break its shape, and histories that a node's reducer judges
// (spec/node-records.md).

import { digest, fixedBytes, hex, invalid, leafHash, valid } from './scenery.mjs';
import { asMaps, cbor, founded, POLICY, thumbprint, x } from './village-history.mjs';

const NODE = 'node/north-grid/ups-17';
const HOST = '6e1c5a0e-2f59-4d52-8d55-0a5b9c3f7a10';
const CHECKPOINT = { size: 1, root: fixedBytes('root') };
const HEAD = fixedBytes('head of the village');

const INTENT = {
  policy: POLICY,
  version: 3,
  ir: fixedBytes('ir'),
  driver: fixedBytes('driver'),
  event: fixedBytes('event'),
  checkpoint: CHECKPOINT,
  villageSeq: 0,
  host: HOST,
  capability: 'vm.lifecycle',
  verb: 'shutdown',
  targets: { plain: ['vm:101', 'vm:102'] },
  key: fixedBytes('key'),
  params: fixedBytes('params'),
  preconditions: null,
  transcript: null,
  correlation: null,
  timeMs: 1_767_225_600_123,
};

const OUTCOME = {
  intent: fixedBytes('intent'),
  result: 'succeeded',
  severity: 'info',
  effects: { list: [{ target: 1, from: 'running', to: 'stopped' }] },
  reason: null,
  startedMs: 5,
  finishedMs: 7,
};

const UNKNOWN = { intent: fixedBytes('intent'), reason: 'restart', timeMs: 9 };

const SUPPRESSED = {
  policy: POLICY,
  version: 3,
  reason: 'suppressed-window',
  count: 4,
  firstMs: 5,
  lastMs: 9,
  digest: fixedBytes('batch'),
};

const APPLIED = {
  villageSeq: 4,
  villageHead: HEAD,
  checkpoint: CHECKPOINT,
  policies: fixedBytes('policies'),
  timeMs: 9,
};

const OVERRIDE = {
  scope: 'state-staleness',
  policy: null,
  operator: 'ada',
  reason: 'the log is under water',
  timeMs: 3,
  untilSeconds: 9,
};

const DRY_RUN = {
  policy: POLICY,
  version: null,
  ir: fixedBytes('ir'),
  transcript: fixedBytes('transcript'),
  severity: 'warn',
  timeMs: 3,
};

const SERVED = { id: HOST, name: 'pve-1', driver: fixedBytes('driver'), types: ['vm', 'host'] };
const LOST = { count: 2, reason: 'outbox-full', firstMs: 5, lastMs: 5 };
const DRIFT = { report: fixedBytes('report'), class: 'local-drift', exit: 11, timeMs: 3 };

export function* nodeVectors() {
  yield* validRecords();
  yield* malformedRecords();
  yield* histories();
  yield* refusedHistories();
}

/** The first statement of a node in bytes. */
function recordOf(kind, payload) {
  const history = founded();
  history.add(NODE, kind, payload, 'node');
  return history.statements.at(-1);
}

function inputOf(bytes) {
  return { statement: hex(bytes), public_key: hex(x('node')) };
}

function* validRecords() {
  const list = { count: 4096, digest: fixedBytes('list') };
  for (const [name, kind, payload] of [
    ['intent', 'execution-intent', INTENT],
    ['intent-salted', 'execution-intent', { ...INTENT, targets: { salted: [fixedBytes('a')] } }],
    ['intent-digest', 'execution-intent', { ...INTENT, targets: list, driver: null, params: null }],
    ['outcome', 'execution-outcome', OUTCOME],
    ['outcome-digest', 'execution-outcome', { ...OUTCOME, effects: list, reason: 'no route' }],
    ['unknown', 'execution-unknown', UNKNOWN],
    ['suppressed', 'execution-suppressed', SUPPRESSED],
    ['suppressed-early', 'execution-suppressed', { ...SUPPRESSED, policy: null, version: null }],
    ['applied', 'state-applied', APPLIED],
    ['drift', 'drift-report', DRIFT],
    ['override', 'policy-override', OVERRIDE],
    ['dry-run', 'dry-run', DRY_RUN],
    ['hosts', 'node-hosts', { hosts: [SERVED] }],
    ['lost', 'records-lost', LOST],
  ]) {
    const bytes = recordOf(kind, payload);
    const facts = { id: hex(leafHash(bytes)), key_id: hex(thumbprint(x('node'))) };
    yield valid('statement', `node-${name}`, `A record of a node: ${kind}.`, inputOf(bytes), {
      ...facts,
      kind,
      stream: NODE,
      seq: '0',
      previous: null,
    });
  }
}

function* malformedRecords() {
  const both = { plain: ['vm:101'], salted: [fixedBytes('a')] };
  const plain = Array.from({ length: 257 }, (_, i) => `vm:${i}`);
  for (const [name, description, kind, payload] of [
    ['targets-none', 'No targets.', 'execution-intent', { ...INTENT, targets: { plain: [] } }],
    ['targets-257', 'A target too many.', 'execution-intent', { ...INTENT, targets: { plain } }],
    ['targets-both', 'Two forms of targets.', 'execution-intent', { ...INTENT, targets: both }],
    ['host-name', 'A host is a UUID.', 'execution-intent', { ...INTENT, host: 'pve-1' }],
    ['more', 'A member too many.', 'execution-intent', { ...INTENT, password: 'hunter2' }],
    ['end-first', 'An end before its start.', 'execution-outcome', { ...OUTCOME, startedMs: 8 }],
    ['result', 'No such result.', 'execution-outcome', { ...OUTCOME, result: 'maybe' }],
    ['half', 'A policy without version.', 'execution-suppressed', { ...SUPPRESSED, version: null }],
    ['scope', 'No such scope.', 'policy-override', { ...OVERRIDE, scope: 'everything' }],
    ['host-twice', 'A host twice.', 'node-hosts', { hosts: [SERVED, SERVED] }],
  ]) {
    const input = inputOf(recordOf(kind, payload));
    const field = { field: 'payload' };
    yield invalid('statement', `node-${name}`, description, input, 'statement-malformed', field);
  }
}

function* histories() {
  const history = founded();
  const first = history.add(NODE, 'execution-intent', INTENT, 'node');
  history.add(NODE, 'execution-outcome', { ...OUTCOME, intent: first }, 'node');
  const second = history.add(NODE, 'execution-intent', INTENT, 'node');
  history.add(NODE, 'execution-unknown', { ...UNKNOWN, intent: second }, 'node');
  history.add(NODE, 'execution-suppressed', SUPPRESSED, 'node');
  history.add(NODE, 'state-applied', APPLIED, 'node');
  history.add(NODE, 'records-lost', LOST, 'node');
  const third = history.add(NODE, 'execution-intent', INTENT, 'node');
  const { seq, id, index } = history.heads.get(NODE);
  const state = asMaps({
    family: 'node',
    head: [seq, id, index],
    owner: thumbprint(x('node')),
    open: [[third, 7, 2]],
    closed: [
      [first, 1],
      [second, 3],
    ],
    applied: [4, HEAD, 1],
    counts: [3, 1, 0, 0, 1, 4, 2],
  });
  yield valid('village', 'node', 'What a node did.', history.input, {
    states: { [NODE]: hex(digest(cbor(state))) },
  });
}

function* refusedHistories() {
  const refused = (name, description, history, refusal, rule) => {
    const detail = { index: history.statements.length - 1, refusal, rule };
    const code = 'statement-refused';
    return invalid('village', `node-${name}`, description, history.input, code, detail);
  };
  const begun = () => {
    const history = founded();
    return { history, intent: history.add(NODE, 'execution-intent', INTENT, 'node') };
  };
  const outcome = 'node.execution-outcome';
  const unknown = founded();
  unknown.add(NODE, 'execution-outcome', OUTCOME, 'node');
  yield refused('intent-unknown', 'Nothing was begun.', unknown, 'intent-unknown', outcome);
  const twice = begun();
  const end = { ...OUTCOME, intent: twice.intent };
  twice.history.add(NODE, 'execution-outcome', end, 'node');
  twice.history.add(NODE, 'execution-outcome', end, 'node');
  yield refused('intent-closed', 'It ended before.', twice.history, 'intent-closed', outcome);
  const wide = begun();
  const list = [{ target: 2, from: null, to: null }];
  const effects = { ...OUTCOME, intent: wide.intent, effects: { list } };
  wide.history.add(NODE, 'execution-outcome', effects, 'node');
  yield refused('target-unknown', 'No such target.', wide.history, 'target-unknown', outcome);
  const ahead = founded();
  const checkpoint = { ...CHECKPOINT, size: 3 };
  ahead.add(NODE, 'execution-intent', { ...INTENT, checkpoint }, 'node');
  const rule = 'node.execution-intent';
  yield refused('checkpoint-ahead', 'A tree that was not.', ahead, 'checkpoint-ahead', rule);
  const foreign = begun();
  foreign.history.add(NODE, 'state-applied', APPLIED, 'oz');
  const owner = 'stream.owner';
  yield refused(
    'author-other',
    'The stream of another.',
    foreign.history,
    'author-not-owner',
    owner,
  );
}
