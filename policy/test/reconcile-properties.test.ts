import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { ReconciliationReport } from '@writ/core/streams/reconciliation-report';
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
  EDIT,
  entry,
  localAt,
  OPTIONS,
  proposal,
  remoteAt,
  statement,
} from './facts.ts';

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
  isEdited: fc.boolean(),
  hasRivals: fc.boolean(),
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
    proposals: drawn.hasRivals ? [proposal(1), proposal(2)] : [],
  };
  const local = { ...localAt(drawn.local, drawn.oldSize), edits: drawn.isEdited ? [EDIT] : [] };
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
      const same = {
        ...drawn,
        size: drawn.oldSize,
        root: 'fork' as const,
        local: Math.max(0, drawn.local),
      };
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
        root: 'main' as const,
        ancestor: 'main' as const,
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
