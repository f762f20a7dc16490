import { formatCanonicalJson } from '@writ/core/statements/jcs';
import {
  RECONCILIATION_CLASSES,
  type ReconciliationReport,
} from '@writ/core/streams/reconciliation-report';
import {
  type LocalFacts,
  PULL_EXIT,
  type ReconcileOptions,
  type RemoteFacts,
  reconcile,
} from '@writ/policy/engine/reconcile';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkpoint,
  entry,
  hash,
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

const EDIT = { policy: 'p', expected: hash('spec', 1), found: hash('spec', 2) };
const edited = { ...localAt(4), edits: [EDIT] };
const waiting = { ...remoteAt(6, 4), pending: [entry(5), entry(6, false)] };
const refused = (code: string): RemoteFacts => ({
  kind: 'refused',
  code,
  message: 'no',
  checkpoint: null,
  head: null,
  proofs: [],
});
const rivals = [proposal(1), proposal(2)];

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
    remote: { ...waiting, proposals: rivals },
    want: ['competing-proposals', 'competing', 'apply', 0, 0, 1],
    heads: [6, 5],
  },
  {
    title: 'two open proposals that were seen before',
    local: localAt(4),
    remote: { ...remoteAt(4, 4), proposals: rivals },
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

const properties = suite('reconciliation properties');

const heads = fc.integer({ min: -1, max: 12 });
const line = fc.constantFrom('main', 'fork');
const facts = fc.record({
  local: heads,
  remote: heads,
  oldSize: fc.integer({ min: 130, max: 140 }),
  size: fc.integer({ min: 130, max: 140 }),
  root: line,
  ancestor: line,
  effective: fc.array(fc.boolean(), { minLength: 13, maxLength: 13 }),
  dropped: fc.option(fc.nat(12)),
  edits: fc.boolean(),
  rivals: fc.boolean(),
  mode: fc.constantFrom('enforce' as const, 'observe' as const),
  staleness: fc.constantFrom('keep-last-good' as const, 'fail-closed' as const, 'freeze' as const),
});
type Facts = typeof facts extends fc.Arbitrary<infer T> ? T : never;

function inputs(drawn: Facts): [LocalFacts, RemoteFacts, ReconcileOptions] {
  const base = remoteAt(drawn.remote, drawn.local, drawn.size);
  const remote: RemoteFacts = {
    ...base,
    checkpoint: checkpoint(drawn.size, drawn.root),
    atLocalHead: base.atLocalHead && statement(drawn.local, drawn.ancestor),
    pending: base.pending
      .filter((_, i) => i !== drawn.dropped)
      .map(({ seq }) => entry(seq, drawn.effective[seq])),
    proposals: drawn.rivals ? rivals : [],
  };
  const local = { ...localAt(drawn.local, drawn.oldSize), edits: drawn.edits ? [EDIT] : [] };
  const { mode, staleness } = drawn;
  return [local, remote, { ...OPTIONS, mode, staleness }];
}

function spell(report: ReconciliationReport): string {
  return formatCanonicalJson(JSON.parse(JSON.stringify(report)));
}

properties('the same inputs give the same bytes', () => {
  fc.assert(
    fc.property(facts, (drawn) => {
      const again = structuredClone(inputs(drawn));
      assert.is(spell(reconcile(...inputs(drawn))), spell(reconcile(...again)));
    }),
  );
});

properties('the selected head never goes back, and moves to the remote one or not at all', () => {
  fc.assert(
    fc.property(facts, (drawn) => {
      const [local, remote, options] = inputs(drawn);
      const { selectedHead, active } = reconcile(local, remote, options);
      assert.ok((selectedHead?.seq ?? -1) >= (local.head?.seq ?? -1));
      const isOneOfBoth =
        selectedHead?.id === local.head?.id || selectedHead?.id === remote.head?.id;
      assert.ok(isOneOfBoth);
      assert.ok((active?.seq ?? -1) <= (selectedHead?.seq ?? -1));
    }),
  );
});

properties('what cannot be believed is never applied, and always shows in the exit codes', () => {
  fc.assert(
    fc.property(facts, (drawn) => {
      const [local, remote, options] = inputs(drawn);
      const report = reconcile(local, remote, options);
      const isBad = ['split-view', 'rollback', 'lineage-fault'].includes(report.class);
      assert.is(report.exit.drift === 2, isBad);
      if (!isBad) return;
      assert.ok(!/apply|restore/.test(report.action.apply), report.action.apply);
      assert.is(report.selectedHead, local.head);
      assert.ok(report.exit.apply !== 0 && report.exit.pull !== 0);
    }),
  );
});

properties('two trees of one size are a split view whatever else is the matter', () => {
  fc.assert(
    fc.property(facts, (drawn) => {
      const same = { ...drawn, size: drawn.oldSize, root: 'fork', local: Math.max(0, drawn.local) };
      assert.is(reconcile(...inputs(same)).class, 'split-view');
    }),
  );
});

properties('a missing statement is never passed over', () => {
  fc.assert(
    fc.property(facts, fc.nat(12), (drawn, dropped) => {
      const local = Math.min(drawn.local, drawn.remote - 1);
      fc.pre(drawn.remote >= 0 && dropped < drawn.remote - local);
      const honest = {
        ...drawn,
        local,
        dropped,
        root: 'main',
        ancestor: 'main',
        oldSize: 130,
        size: 140,
      };
      assert.is(reconcile(...inputs(honest)).class, 'lineage-fault');
    }),
  );
});

properties('the exit code of a pull follows from the class alone', () => {
  fc.assert(
    fc.property(facts, (drawn) => {
      const report = reconcile(...inputs(drawn));
      assert.is(report.exit.pull, PULL_EXIT[report.class]);
    }),
  );
});

properties.run();
