// The engine acts on verified state alone (requirement X10): there is no other way in, and old state is held back as
// the village's law says.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { MAX_BEHIND_MS } from '@writ/policy/agent/freshness';
import { EngineSnapshot, type SnapshotParts } from '@writ/policy/agent/snapshot';
import { type SavedVillage, VerifiedVillage, VillageReading } from '@writ/verifier/follow/reading';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENGINE_MANIFESTS,
  HOSTS,
  type MadeVillage,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
  TRUST,
  verify,
} from './engine-village.ts';
import { EngineWorld, START_SECONDS, upsEvent } from './engine-world.ts';
import { after } from './node-world.ts';
import { VILLAGE } from './villages.ts';

const test = suite<{ dir: string }>('engine state', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

const DOCUMENTS = new Map<string, JsonValue>([
  [policyId(1), policy({ name: 'saves' })],
  [
    policyId(2),
    policy({ name: 'destroys', actions: [{ capability_id: 'vm.kill', verb: 'kill' }] }),
  ],
]);

function village(witnessedSeconds = START_SECONDS, law: object = {}): MadeVillage {
  return makeVillage(DOCUMENTS, { witnessedSeconds, law });
}

function partsOf(made: MadeVillage): SnapshotParts {
  return {
    verified: verify(made.saved),
    spec: (digest) => made.specs.get(digest),
    manifests: ENGINE_MANIFESTS,
    hosts: HOSTS,
    inventoryOf: () => undefined,
  };
}

test('what was not verified is no village: neither to the compiler nor at run time', () => {
  const parts = partsOf(village());
  const { verified } = parts;
  const lookalike = {
    village: verified.village,
    checkpoint: verified.checkpoint,
    state: verified.state,
    witnessedSeconds: START_SECONDS,
  };
  // @ts-expect-error an object of the same shape is not verified
  assert.throws(() => EngineSnapshot.build({ ...parts, verified: lookalike }), TypeError);
  const withPrototype: VerifiedVillage = Object.assign(Object.create(VerifiedVillage.prototype), {
    village: VILLAGE,
    checkpoint: verified.checkpoint,
    state: verified.state,
  });
  assert.throws(() => EngineSnapshot.build({ ...parts, verified: withPrototype }), TypeError);
  const copy = Object.create(verified) as VerifiedVillage;
  assert.throws(() => EngineSnapshot.build({ ...parts, verified: copy }), TypeError);
  // @ts-expect-error a followed village holds a verified one, and is none
  assert.throws(() => EngineSnapshot.build({ ...parts, verified: { verified } }), TypeError);
  // @ts-expect-error the state alone says nothing of who verified it
  assert.throws(() => EngineSnapshot.build({ ...parts, verified: verified.state }), TypeError);
});

test('nobody but a reading makes a verified village, and nobody but `build` a snapshot', async ({
  dir,
}) => {
  const parts = partsOf(village());
  const { checkpoint, state } = parts.verified;
  const seal: unique symbol = Symbol('a verified village');
  // @ts-expect-error the seal is not exported
  const forge = () => new VerifiedVillage(seal, VILLAGE, checkpoint, state);
  assert.throws(forge, TypeError);
  // @ts-expect-error the constructor is private
  const forgeSnapshot = () => new EngineSnapshot(seal, parts, state, []);
  assert.throws(forgeSnapshot, TypeError);
  const world = await EngineWorld.start(dir, undefined);
  const snapshot = EngineSnapshot.build(parts);
  // @ts-expect-error a document is no snapshot
  assert.throws(() => world.engine.swap(policy()), TypeError);
  const lookalike: EngineSnapshot = Object.assign(
    Object.create(EngineSnapshot.prototype),
    snapshot,
  );
  assert.throws(() => world.engine.swap(lookalike), TypeError);
  const before = Object.create(snapshot) as EngineSnapshot;
  assert.throws(() => EngineSnapshot.build({ ...parts, before }), TypeError);
  assert.is(world.engine.snapshot, undefined);
  assert.is((await world.handle(upsEvent(0))).kind, 'refused');
  assert.equal(await world.suppressed(), { 'state-missing': 1 });
  await world.close();
});

test('a verified village and a snapshot cannot be changed afterwards', () => {
  const parts = partsOf(village());
  const snapshot = EngineSnapshot.build(parts);
  const into = (target: object, name: string, value: unknown) => () => {
    Object.defineProperty(target, name, { value });
  };
  assert.throws(into(parts.verified, 'state', null), TypeError);
  assert.throws(into(snapshot, 'active', []), TypeError);
  assert.throws(into(snapshot.active, '0', snapshot.active[1]), TypeError);
});

test('bytes of another digest never run, whoever brings them', () => {
  const made = village();
  const evil = utf8(new TextDecoder().decode([...made.specs.values()][0]).replace('101', '102'));
  const { active, idle } = EngineSnapshot.build({ ...partsOf(made), spec: () => evil });
  assert.equal(active, []);
  assert.equal(
    idle.map(({ findings }) => findings[0]?.code),
    ['spec-changed', 'spec-changed'],
  );
  assert.ok(!made.specs.has(formatHex(sha256(evil))));
});

test('a spec that is not there keeps its policy from running and no other', () => {
  const made = village();
  const [first] = made.specs.keys();
  const { active, idle } = EngineSnapshot.build({
    ...partsOf(made),
    spec: (digest) => (digest === first ? undefined : made.specs.get(digest)),
  });
  assert.is(active.length, 1);
  assert.equal(
    idle.map(({ findings }) => findings[0]?.code),
    ['spec-missing'],
  );
});

test('regression 22: a version that cannot run keeps neither the next one nor any other policy from running', () => {
  const broken = policy({ actions: [{ capability_id: 'vm.nothing', verb: 'take' }] });
  const of = (document: JsonValue) =>
    makeVillage(new Map([...DOCUMENTS, [policyId(3), document]]), {
      witnessedSeconds: START_SECONDS,
    });
  const first = EngineSnapshot.build(partsOf(of(broken)));
  assert.equal([first.active.length, first.idle.length], [2, 1]);
  const parts = partsOf(of(policy({ name: 'mended' })));
  const second = EngineSnapshot.build({ ...parts, before: first });
  assert.equal([second.active.length, second.idle.length], [3, 0]);
});

test('a stored state under a checkpoint that the trust policy does not accept is refused', () => {
  const { saved } = village();
  const text = new TextDecoder().decode(saved.checkpoint);
  const lines = text.split('\n');
  const withoutWitness = lines.filter((line) => !line.includes('witness.example')).join('\n');
  const otherRoot = text.replace(lines[2] ?? '', `${'A'.repeat(43)}=`);
  const forged: readonly (readonly [string, string])[] = [
    [withoutWitness, 'quorum-not-met'],
    [otherRoot, 'note-bad-signature'],
  ];
  for (const [checkpoint, code] of forged) {
    const bad: SavedVillage = { ...saved, checkpoint: utf8(checkpoint) };
    const thrown = (() => {
      try {
        return new VillageReading({ village: VILLAGE, policy: TRUST, saved: bad }).saved;
      } catch (error) {
        return error;
      }
    })();
    assert.is(isLogError(thrown) ? thrown.code : thrown, code);
  }
});

test('keep-last-good goes on with old state; its age can be seen', async ({ dir }) => {
  const made = village(START_SECONDS, { staleness: { mode: 'keep-last-good', maxSeconds: 60 } });
  const world = await EngineWorld.start(dir, snapshotOf(made), { now: after(86_000_000) });
  assert.equal(await world.results(upsEvent(86_000_000)), ['succeeded', 'succeeded']);
  assert.is(world.engine.snapshot?.timeSeconds, START_SECONDS);
  await world.close();
});

test('fail-closed holds destructive verbs back once the state is too old, and says so', async ({
  dir,
}) => {
  const made = village(START_SECONDS, { staleness: { mode: 'fail-closed', maxSeconds: 60 } });
  const world = await EngineWorld.start(dir, snapshotOf(made));
  world.pass(60_000);
  assert.equal(await world.results(upsEvent(60_000)), ['succeeded', 'succeeded']);
  world.pass(3_600_000);
  assert.equal(await world.results(upsEvent(3_660_000)), ['succeeded', 'held: state-stale']);
  assert.equal(await world.suppressed(), { 'state-stale': 1 });
  // News that a witness signed lets it go on.
  world.engine.swap(
    snapshotOf(
      village(START_SECONDS + 3660, { staleness: { mode: 'fail-closed', maxSeconds: 60 } }),
    ),
  );
  world.pass(3_600_000 - 3_590_000);
  assert.equal((await world.results(upsEvent(3_670_000)))[1], 'succeeded');
  await world.close();
});

test('freeze holds every verb back, and a pass lets them through until its end', async ({
  dir,
}) => {
  const made = village(START_SECONDS, { staleness: { mode: 'freeze', maxSeconds: 60 } });
  const world = await EngineWorld.start(dir, snapshotOf(made));
  world.pass(61_000);
  const frozen = ['held: state-frozen', 'held: state-frozen'];
  assert.equal(await world.results(upsEvent(61_000)), frozen);
  world.engine.allowStale({ untilSeconds: START_SECONDS + 120 });
  assert.equal(await world.results(upsEvent(61_001)), ['succeeded', 'succeeded']);
  world.pass(3_600_000);
  assert.equal(await world.results(upsEvent(3_661_000)), frozen);
  world.engine.allowStale({ untilSeconds: START_SECONDS + 7200 });
  world.engine.allowStale(undefined);
  assert.equal(await world.results(upsEvent(3_661_001)), frozen);
  assert.is(world.drivers.calls.length, 2);
  await world.close();
});

test('a clock that is set back makes no state fresh and no pass longer', async ({ dir }) => {
  const made = village(START_SECONDS, { staleness: { mode: 'freeze', maxSeconds: 60 } });
  const world = await EngineWorld.start(dir, snapshotOf(made));
  world.pass(61_000);
  world.clock.wallMs -= 61_000;
  const frozen = ['held: state-frozen', 'held: state-frozen'];
  assert.equal(await world.results(upsEvent(0)), frozen);
  // The same checkpoint again is no news.
  world.engine.swap(snapshotOf(made));
  assert.equal(await world.results(upsEvent(1)), frozen);
  world.engine.allowStale({ untilSeconds: START_SECONDS + 10 });
  world.clock.steadyMs += 10_000;
  assert.equal(await world.results(upsEvent(2)), frozen);
  await world.close();
});

test('a node whose clock is behind its witnesses does not know how old its state is', async ({
  dir,
}) => {
  const made = village(START_SECONDS, { staleness: { mode: 'freeze', maxSeconds: 86_400 } });
  const now = after(-MAX_BEHIND_MS - 1);
  const world = await EngineWorld.start(dir, snapshotOf(made), { now });
  const behind = upsEvent(-MAX_BEHIND_MS - 1);
  assert.equal(await world.results(behind), ['held: state-frozen', 'held: state-frozen']);
  await world.close();
});

test('regression 16: what did not change is not compiled again, and no event parses a policy', async ({
  dir,
}) => {
  const made = village();
  let asked = 0;
  const parts: SnapshotParts = {
    ...partsOf(made),
    spec: (digest) => {
      asked++;
      return made.specs.get(digest);
    },
  };
  const first = EngineSnapshot.build(parts);
  assert.is(asked, 2);
  const second = EngineSnapshot.build({ ...parts, before: first });
  assert.is(asked, 2);
  assert.equal(
    second.active.map((active, i) => active === first.active[i]),
    [true, true],
  );
  const world = await EngineWorld.start(dir, second);
  const { parse } = JSON;
  let parsed = 0;
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]) => {
    if (text.includes('trigger_group')) parsed++;
    return parse(text, reviver);
  };
  try {
    for (let i = 0; i < 20; i++) await world.handle(upsEvent(i));
  } finally {
    JSON.parse = parse;
  }
  assert.is(asked, 2);
  assert.is(parsed, 0);
  await world.close();
});

test.run();
