import { RECONCILIATION_CLASSES } from '@writ/core/streams/reconciliation-report';
import {
  type LocalFacts,
  type ReconcileOptions,
  type RemoteFacts,
  reconcile,
} from '@writ/policy/engine/reconcile';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkpoint,
  EDIT,
  entry,
  localAt,
  OPTIONS,
  proposal,
  remoteAt,
  statement,
} from './facts.ts';

const table = suite('reconciliation table');

interface Row {
  readonly title: string;
  readonly local: LocalFacts;
  readonly remote: RemoteFacts;
  readonly options?: Partial<ReconcileOptions>;
  /** class, reason, what applying does, exits of pull, apply and drift */
  readonly want: readonly [string, string, string, number, number, number];
  /** seq of the selected and the active head; -1: none */
  readonly heads: readonly [number, number];
}

const edited = { ...localAt(4), edits: [EDIT] };
const waiting = { ...remoteAt(6, 4), pending: [entry(5), entry(6, false)] };
const RIVALS = [proposal(1), proposal(2)];
const refused = (code: string): RemoteFacts => ({
  kind: 'refused',
  code,
  message: 'no',
  checkpoint: null,
  head: null,
  proofs: [],
});

const ROWS: readonly Row[] = [
  {
    title: 'the same head',
    local: localAt(4),
    remote: remoteAt(4, 4),
    want: ['aligned', 'same-head', 'none', 0, 0, 0],
    heads: [4, 4],
  },
  {
    title: 'no village on either side',
    local: localAt(-1),
    remote: remoteAt(-1, -1),
    want: ['aligned', 'same-head', 'none', 0, 0, 0],
    heads: [-1, -1],
  },
  {
    title: 'a local head that is an ancestor',
    local: localAt(4),
    remote: remoteAt(7, 4),
    want: ['behind', 'pending', 'apply', 0, 0, 1],
    heads: [7, 7],
  },
  {
    title: 'a first look',
    local: localAt(-1),
    remote: remoteAt(2, -1),
    want: ['behind', 'pending', 'apply', 0, 0, 1],
    heads: [2, 2],
  },
  {
    title: 'a remote head that is an ancestor',
    local: localAt(4),
    remote: remoteAt(3, 4),
    want: ['rollback', 'head-older', 'keep-local', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'a village that is gone',
    local: localAt(4),
    remote: remoteAt(-1, 4),
    want: ['rollback', 'village-gone', 'keep-local', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'an older checkpoint, even with a newer head',
    local: localAt(4),
    remote: remoteAt(7, 4, 99),
    want: ['rollback', 'checkpoint-older', 'keep-local', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'a checkpoint that the reader called rolled back',
    local: localAt(4),
    remote: refused('checkpoint-rolled-back'),
    want: ['rollback', 'checkpoint-rolled-back', 'keep-local', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'a stale replica',
    local: localAt(4),
    remote: refused('checkpoint-stale'),
    options: { staleness: 'fail-closed' },
    want: ['rollback', 'checkpoint-stale', 'fail-closed', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'a stream that was cut',
    local: localAt(4),
    remote: refused('stream-rolled-back'),
    want: ['rollback', 'stream-rolled-back', 'keep-local', 5, 5, 2],
    heads: [4, 4],
  },
  {
    title: 'another statement with the same number',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), head: statement(4, 'fork') },
    want: ['split-view', 'history-differs', 'keep-local', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'the same statement in another place of the log',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), head: { ...statement(4), index: 44 } },
    want: ['split-view', 'history-differs', 'keep-local', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'another history below a newer head',
    local: localAt(4),
    remote: { ...remoteAt(7, 4), atLocalHead: statement(4, 'fork') },
    options: { staleness: 'freeze' },
    want: ['split-view', 'history-differs', 'freeze', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'two trees of one size',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), checkpoint: checkpoint(100, 'fork') },
    want: ['split-view', 'checkpoint-fork', 'keep-local', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'a fork that the reader found',
    local: localAt(4),
    remote: refused('fork-detected'),
    want: ['split-view', 'fork-detected', 'keep-local', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'another log',
    local: localAt(4),
    remote: { ...remoteAt(7, 4), checkpoint: checkpoint(200, 'main', 'other.example') },
    want: ['lineage-fault', 'other-log', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a gap',
    local: localAt(4),
    remote: { ...remoteAt(7, 4), pending: [entry(5), entry(7)] },
    want: ['lineage-fault', 'gap', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a bad chain',
    local: localAt(4),
    remote: { ...remoteAt(6, 4), pending: [entry(5), entry(6, true, 'fork')] },
    want: ['lineage-fault', 'chain-broken', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'statements out of the order of the log',
    local: localAt(4),
    remote: { ...remoteAt(5, 4), pending: [{ ...entry(5), index: 9 }] },
    want: ['lineage-fault', 'order-broken', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a statement above the checkpoint',
    local: localAt(4),
    remote: { ...remoteAt(5, 4, 101), pending: [{ ...entry(5), index: 101 }] },
    want: ['lineage-fault', 'beyond-checkpoint', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'statements that end before the head',
    local: localAt(4),
    remote: { ...remoteAt(7, 4), pending: [entry(5)] },
    want: ['lineage-fault', 'head-unreached', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a newer head that does not show the local one',
    local: localAt(4),
    remote: { ...remoteAt(7, 4), atLocalHead: null },
    want: ['lineage-fault', 'ancestor-missing', 'keep-local', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a bad proof',
    local: localAt(4),
    remote: refused('inclusion-failed'),
    options: { staleness: 'freeze' },
    want: ['lineage-fault', 'inclusion-failed', 'freeze', 1, 1, 2],
    heads: [4, 4],
  },
  {
    title: 'a local edit where edits are undone',
    local: edited,
    remote: remoteAt(4, 4),
    want: ['local-drift', 'local-edit', 'restore', 11, 0, 1],
    heads: [4, 4],
  },
  {
    title: 'a local edit on a node that is behind',
    local: edited,
    remote: remoteAt(6, 4),
    want: ['local-drift', 'local-edit', 'restore-and-apply', 11, 0, 1],
    heads: [6, 6],
  },
  {
    title: 'a local edit where edits are only told',
    local: edited,
    remote: remoteAt(6, 4),
    options: { mode: 'observe' },
    want: ['local-drift', 'local-edit', 'report', 11, 11, 1],
    heads: [4, 4],
  },
  {
    title: 'files that an apply did not finish, also where edits are only told',
    local: { ...localAt(4), isUnfinished: true },
    remote: remoteAt(6, 4),
    options: { mode: 'observe' },
    want: ['local-drift', 'unfinished', 'restore-and-apply', 11, 0, 1],
    heads: [6, 6],
  },
  {
    title: 'a local edit beside a fork',
    local: edited,
    remote: refused('fork-detected'),
    want: ['split-view', 'fork-detected', 'keep-local', 6, 6, 2],
    heads: [4, 4],
  },
  {
    title: 'a head that puts nothing in force',
    local: localAt(4),
    remote: waiting,
    want: ['not-applicable', 'proposed', 'apply', 0, 0, 1],
    heads: [6, 5],
  },
  {
    title: 'a head whose proposal expired',
    local: localAt(4),
    remote: { ...waiting, proposals: [proposal(1, { isExpired: true })] },
    want: ['not-applicable', 'expired', 'apply', 0, 0, 1],
    heads: [6, 5],
  },
  {
    title: 'two open proposals on one predecessor',
    local: localAt(4),
    remote: { ...waiting, proposals: RIVALS },
    want: ['competing-proposals', 'competing', 'apply', 0, 0, 1],
    heads: [6, 5],
  },
  {
    title: 'two open proposals that were seen before',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), proposals: RIVALS },
    want: ['competing-proposals', 'competing', 'none', 0, 0, 0],
    heads: [4, 4],
  },
  {
    title: 'two proposals of which one expired',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), proposals: [proposal(1), proposal(2, { isExpired: true })] },
    want: ['aligned', 'same-head', 'none', 0, 0, 0],
    heads: [4, 4],
  },
  {
    title: 'two proposals for two versions',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), proposals: [proposal(1), proposal(2, { version: 3 })] },
    want: ['aligned', 'same-head', 'none', 0, 0, 0],
    heads: [4, 4],
  },
];

for (const { title, local, remote, options, want, heads } of ROWS) {
  table(`tells ${title}`, () => {
    const report = reconcile(local, remote, { ...OPTIONS, ...options });
    const { action, exit } = report;
    const got = [report.class, report.reason, action.apply, exit.pull, exit.apply, exit.drift];
    assert.equal(got, [...want]);
    assert.equal([report.selectedHead?.seq ?? -1, report.active?.seq ?? -1], [...heads]);
  });
}

table('has a row for every class', () => {
  const classes = new Set(ROWS.map(({ want }) => want[0]));
  assert.equal([...classes].sort(), [...RECONCILIATION_CLASSES].sort());
});

table('never lets a plain pull ask for more than listing, reporting or an alarm', () => {
  for (const { local, remote, options } of ROWS) {
    const { pull } = reconcile(local, remote, { ...OPTIONS, ...options }).action;
    assert.ok(['none', 'list', 'report', 'alarm'].includes(pull), pull);
  }
});

table('lists a thousand entries of more, and counts and hashes them all', () => {
  const { pending } = reconcile(localAt(-1), remoteAt(1499, -1, 20_000), OPTIONS);
  assert.is(pending.entries.length, 1000);
  assert.is(pending.count, 1500);
  const other = reconcile(localAt(-1), remoteAt(1498, -1, 20_000), OPTIONS).pending;
  assert.is.not(other.digest, pending.digest);
});

table.run();
