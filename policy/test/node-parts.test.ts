// What a node keeps and records beside executions: overrides, hosts, meanings of static selectors, packages, evidence.

import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { keepEvidence, MAX_EVIDENCE } from '@writ/policy/agent/evidence-folder';
import { recordHosts } from '@writ/policy/agent/hosts-record';
import { type HeldOverride, type Override, Overrides } from '@writ/policy/agent/overrides';
import { PackageStore } from '@writ/policy/agent/package-store';
import type { Pulled } from '@writ/policy/agent/pull';
import { EngineSnapshot } from '@writ/policy/agent/snapshot';
import { StaticResolutions } from '@writ/policy/agent/static-resolutions';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENGINE_MANIFESTS,
  HOSTS,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
  verify,
} from './engine-village.ts';
import { after, type Node, payloads, START, startNode } from './node-world.ts';
import { inventoryOf } from './sample-policies.ts';

interface World {
  dir: string;
}

const test = suite<World>('parts of a node');

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-parts-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

const SECONDS = START.wallMs / 1000;
const BROKEN: Override = {
  ...{ scope: 'state-staleness', operator: 'ada', reason: 'the shed is on fire' },
  untilSeconds: SECONDS + 600,
};

function overridesOf(node: Node, held: HeldOverride[]): Overrides {
  return new Overrides(node.journal, node.outbox, (override) => held.push(override));
}

test('an override is on record before it holds, and holds again after a restart until its end', async ({
  dir,
}) => {
  const held: HeldOverride[] = [];
  const first = await startNode(dir);
  const recorded: string[] = [];
  const overrides = new Overrides(first.journal, first.outbox, (override) => {
    recorded.push(`${first.outbox.status.next} ${override.scope}`);
  });
  await overrides.begin(BROKEN, START);
  assert.equal(recorded, ['1 state-staleness']);
  const [payload] = await payloads(first);
  assert.is(payload?.kind === 'policy-override' && payload.untilSeconds, SECONDS + 600);
  await first.close();
  const second = await startNode(dir, { now: after(60_000) });
  const back = overridesOf(second, held);
  back.restore(after(599_999));
  assert.equal(held, [{ ...BROKEN, fromMs: START.wallMs }]);
  assert.equal(back.restore(after(600_000)), []);
  // The clock was set back to before its beginning: nobody knows how long it held.
  assert.equal(back.restore(after(-1)), []);
  await second.close();
});

const REFUSED: readonly (readonly [string, Partial<Override>])[] = [
  ['is over', { untilSeconds: SECONDS }],
  ['lasts for more than a day', { untilSeconds: SECONDS + 86_401 }],
  ['has hardly a reason', { reason: 'fire     ' }],
  ['has a reason of two lines', { reason: 'the shed\nis on fire' }],
  ['has nobody who answers for it', { operator: '' }],
  ['has a long operator', { operator: 'x'.repeat(129) }],
];

for (const [what, change] of REFUSED)
  test(`an override that ${what} is refused, and nothing is signed`, async ({ dir }) => {
    const node = await startNode(dir);
    const held: HeldOverride[] = [];
    try {
      await overridesOf(node, held).begin({ ...BROKEN, ...change }, START);
      assert.unreachable();
    } catch (error) {
      assert.ok(isLogError(error, 'request-invalid'), String(error));
    }
    assert.equal([held.length, node.outbox.status.next], [0, 0]);
    await node.close();
  });

test('an override that there is no room to record does not hold', async ({ dir }) => {
  const limits = { softRows: 1, hardRows: 1 };
  const node = await startNode(dir, { limits });
  const held: HeldOverride[] = [];
  const overrides = overridesOf(node, held);
  await overrides.begin(BROKEN, START);
  try {
    await overrides.begin({ ...BROKEN, scope: 'inventory-staleness' }, START);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLogError(error, 'overloaded'));
  }
  assert.equal([held.length, overrides.restore(START).length], [1, 1]);
  await node.close();
});

test('hosts are recorded when they changed, and only then', async ({ dir }) => {
  const id = policyId(7);
  const hosts = (name: string) =>
    ({ kind: 'node-hosts', hosts: [{ id, name, driver: null, types: ['vm'] }] }) as const;
  const node = await startNode(dir);
  const none = { kind: 'node-hosts', hosts: [] } as const;
  assert.is(await recordHosts(node.journal, node.outbox, none, START), false);
  assert.is(await recordHosts(node.journal, node.outbox, hosts('a'), START), true);
  assert.is(await recordHosts(node.journal, node.outbox, hosts('a'), START), false);
  await node.close();
  const again = await startNode(dir);
  assert.is(await recordHosts(again.journal, again.outbox, hosts('a'), START), false);
  assert.is(await recordHosts(again.journal, again.outbox, hosts('b'), START), true);
  assert.is(await recordHosts(again.journal, again.outbox, none, START), true);
  assert.equal(
    (await payloads(again)).map((payload) => payload.kind),
    ['node-hosts', 'node-hosts', 'node-hosts'],
  );
  await again.close();
});

const STATIC = { dynamic_resolution: false };
const QUERY = { selector: { mode: 'query', value: 'name ~ vm:*' } };

function staticSnapshot(
  resolutions: StaticResolutions,
  fields: Record<string, JsonValue>,
  ids: readonly string[],
): EngineSnapshot {
  const document = policy({ ...STATIC, ...fields }, QUERY);
  const { saved, specs } = makeVillage(new Map([[policyId(1), document]]), {
    witnessedSeconds: SECONDS,
  });
  const inventory = ids.length === 0 ? undefined : inventoryOf(...ids);
  return EngineSnapshot.build({
    verified: verify(saved),
    spec: (digest) => specs.get(digest),
    ...{ manifests: ENGINE_MANIFESTS, hosts: HOSTS },
    inventoryOf: () => inventory,
    resolutionOf: (ref) => resolutions.of(ref),
  });
}

test('a selector that is resolved once means the same after a restart, with or without an inventory', async ({
  dir,
}) => {
  const node = await startNode(dir);
  const { prefix } = node.outbox;
  const first = await StaticResolutions.open(node.journal, prefix);
  // Without an inventory it means nothing yet, and is not active.
  assert.is(staticSnapshot(first, {}, []).active.length, 0);
  const [active] = staticSnapshot(first, {}, ['vm:101']).active;
  const meant = active?.resolution.ids;
  assert.ok(meant !== undefined);
  await first.keep(staticSnapshot(first, {}, ['vm:101']));
  const again = await StaticResolutions.open(node.journal, prefix);
  assert.equal(staticSnapshot(again, {}, []).active[0]?.resolution.ids, meant);
  assert.equal(staticSnapshot(again, {}, ['vm:102', 'vm:103']).active[0]?.resolution.ids, meant);
  // Another version is resolved anew.
  const other = staticSnapshot(again, { name: 'Another' }, ['vm:102']);
  assert.equal(other.active[0]?.resolution.inventoryMs, inventoryOf('vm:102').timeMs);
  // A policy that is gone is let go.
  await again.keep(snapshotOf(makeVillage(new Map(), { witnessedSeconds: SECONDS })));
  const last = await StaticResolutions.open(node.journal, prefix);
  assert.is(staticSnapshot(last, {}, []).active.length, 0);
  await node.close();
});

test('packages are fetched once, kept within limits, and never let go while a policy names them', async ({
  dir,
}) => {
  const packages = [1, 2, 3, 4].map((n) => new Uint8Array(1000).fill(n));
  const digests = packages.map((bytes) => formatHex(sha256(bytes)));
  const fetched: string[] = [];
  let now = 1000;
  const store = new PackageStore(
    dir,
    async (digest) => {
      fetched.push(digest);
      return packages[digests.indexOf(digest)] ?? utf8('something else');
    },
    () => now,
    { files: 2, bytes: 1_000_000 },
  );
  const [a = '', b = '', c = '', d = ''] = digests;
  store.protect([a]);
  for (const [i, digest] of digests.entries()) {
    now = 1000 + i;
    await store.get(digest);
    await utimes(join(dir, digest), now, now);
  }
  assert.equal((await readdir(dir)).sort(), [a, d].sort());
  await store.get(a);
  assert.equal(fetched, [a, b, c, d]);
  // A damaged one is fetched again, and one that the log makes up is refused.
  await writeFile(join(dir, a), 'damaged');
  assert.equal(await store.get(a), packages[0]);
  try {
    await store.get('00'.repeat(32));
    assert.unreachable();
  } catch (error) {
    assert.ok(isLogError(error, 'hash-mismatch'));
  }
});

test('the first lies stay in evidence, however many come behind them', async ({ dir }) => {
  for (let i = 0; i < MAX_EVIDENCE; i++) {
    const folder = join(dir, `lie-${String(i).padStart(3, '0')}`);
    await mkdir(folder);
    await utimes(folder, 1000 + i, 1000 + i);
  }
  const pulled = {
    ...{ report: {}, signed: utf8('a report'), isApplied: false, artefacts: [] },
    pages: [{ name: 'village-0.follow-page', bytes: utf8('a page') }],
  } as unknown as Pulled;
  const kept = await keepEvidence(dir, pulled);
  const names = await readdir(dir);
  assert.is(names.length, MAX_EVIDENCE);
  assert.ok(names.includes('lie-000') && names.includes('lie-099'));
  assert.not.ok(names.includes('lie-050'));
  assert.equal((await readdir(kept)).sort(), [
    'report.json',
    'report.note',
    'village-0.follow-page',
  ]);
});

test.run();
