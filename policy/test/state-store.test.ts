import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, parseUtf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { type Saved, StateStore } from '@writ/policy/agent/state-store';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkpointOf, nextState, POLICY, specOf, statesOf, VILLAGE } from './villages.ts';

const STATES = statesOf(3);
const STEPS = ['read', 'compare', 'encode', 'write', 'written'];

interface World {
  dir: string;
}

const store = suite<World>('state store', { dir: '' });

store.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-store-'));
});

store.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

function stateAt(seq: number): (typeof STATES)[number] {
  const state = STATES[seq];
  if (state === undefined) throw new RangeError('no such state');
  return state;
}

async function withStore<T>(
  dir: string,
  run: (open: StateStore) => Promise<T>,
  onStep: (step: string) => void = () => {},
): Promise<T> {
  const open = await StateStore.open(join(dir, 'store'), { create: true, onStep });
  return run(open).finally(() => open.close());
}

/** Everything that readers see of the village. */
async function look(dir: string): Promise<object> {
  return withStore(dir, async (open) => {
    const saved = await open.load(VILLAGE);
    const row = (await open.policies(VILLAGE)).get(POLICY);
    const audit = await open.audit(VILLAGE);
    const seq = saved?.head?.seq ?? -1;
    const spec = await open.spec(formatHex(sha256(specOf(seq))));
    return {
      seq,
      checkpoint: saved?.checkpoint,
      state: saved?.snapshot?.state,
      version: row === undefined ? 0 : JSON.parse(parseUtf8(row) ?? '').version,
      audit: audit.length,
      hasSpec: spec !== undefined,
    };
  });
}

function whole(seq: number): object {
  const { checkpoint, snapshot } = nextState(stateAt(seq));
  const { state } = snapshot;
  return { seq, checkpoint, state, version: seq, audit: seq + 1, hasSpec: seq > 0 };
}

async function applyUpTo(dir: string, seq: number): Promise<Saved | undefined> {
  return withStore(dir, async (open) => {
    for (let i = 0; i <= seq; i++) {
      const saved = await open.load(VILLAGE);
      assert.ok(await open.apply(VILLAGE, saved, nextState(stateAt(i))));
    }
    return open.load(VILLAGE);
  });
}

async function codeOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'accepted',
    (error: unknown) => (isLogError(error) ? error.code : String(error)),
  );
}

store('keeps what was applied over a restart', async ({ dir }) => {
  await applyUpTo(dir, 2);
  assert.equal(await look(dir), whole(2));
});

store('knows nothing of a village that was never followed', async ({ dir }) => {
  assert.is(await withStore(dir, (open) => open.load(VILLAGE)), undefined);
  assert.is(await codeOf(StateStore.open(join(dir, 'none'), { create: false })), 'config-invalid');
});

for (const step of STEPS) {
  store(`holds all or nothing when an apply throws at "${step}"`, async ({ dir }) => {
    await applyUpTo(dir, 1);
    const fail = (at: string): void => {
      if (at === step) throw new Error('out of luck');
    };
    const broken = withStore(
      dir,
      async (open) => open.apply(VILLAGE, await open.load(VILLAGE), nextState(stateAt(2))),
      fail,
    );
    assert.is(await codeOf(broken), 'Error: out of luck');
    assert.equal(await look(dir), step === 'written' ? whole(2) : whole(1));
  });

  store(`holds all or nothing when the process is killed at "${step}"`, async ({ dir }) => {
    await applyUpTo(dir, 1);
    const child = new URL('./apply-and-die.js', import.meta.url).pathname;
    const signal = await new Promise<unknown>((resolve) => {
      execFile(process.execPath, [child, join(dir, 'store'), step], (error) => {
        resolve(error?.signal);
      });
    });
    assert.is(signal, 'SIGKILL');
    assert.equal(await look(dir), step === 'written' ? whole(2) : whole(1));
  });
}

store('lets one of two applies on the same state through', async ({ dir }) => {
  const saved = await applyUpTo(dir, 1);
  await withStore(dir, async (open) => {
    const results = await Promise.all([
      open.apply(VILLAGE, saved, nextState(stateAt(2))),
      open.apply(VILLAGE, saved, nextState(stateAt(3))),
      open.apply(VILLAGE, undefined, nextState(stateAt(3))),
    ]);
    assert.equal(results, [true, false, false]);
  });
  assert.equal(await look(dir), whole(2));
});

store('never moves checkpoint or head back, whatever the caller expects', async ({ dir }) => {
  const saved = await applyUpTo(dir, 2);
  const cases = [
    [nextState(stateAt(2), { checkpoint: checkpointOf(3) }), 'checkpoint-rolled-back'],
    [nextState(stateAt(1), { checkpoint: checkpointOf(99) }), 'checkpoint-rolled-back'],
    [nextState(stateAt(2), { checkpoint: checkpointOf(6, 'fork') }), 'fork-detected'],
  ] as const;
  await withStore(dir, async (open) => {
    for (const [next, code] of cases)
      assert.is(await codeOf(open.apply(VILLAGE, saved, next)), code);
  });
  assert.equal(await look(dir), whole(2));
});

async function damage(dir: string, key: string, value: Uint8Array | undefined): Promise<void> {
  const db = new Level<string, Uint8Array>(join(dir, 'store'), { valueEncoding: 'view' });
  await (value === undefined ? db.del(key) : db.put(key, value));
  await db.close();
}

const flipped = encodeStreamState(stateAt(2)).map((byte, i) => (i === 400 ? byte ^ 1 : byte));
const SNAPSHOTS = [
  ['flipped', flipped],
  ['empty', new Uint8Array(0)],
  ['gone', undefined],
  ['that of an earlier head', encodeStreamState(stateAt(1))],
] as const;

for (const [what, bytes] of SNAPSHOTS) {
  store(`starts without a snapshot that is ${what}, and does not use it`, async ({ dir }) => {
    await applyUpTo(dir, 2);
    await damage(dir, `v/${VILLAGE}/state`, bytes);
    const saved = await withStore(dir, (open) => open.load(VILLAGE));
    assert.is(saved?.snapshot, undefined);
    assert.is(saved?.head?.seq, 2);
    assert.equal(saved?.checkpoint, nextState(stateAt(2)).checkpoint);
    await withStore(dir, async (open) => {
      assert.ok(await open.apply(VILLAGE, saved, nextState(stateAt(3))));
    });
    assert.equal(await look(dir), whole(3));
  });
}

store('says that a damaged record is damaged', async ({ dir }) => {
  await applyUpTo(dir, 1);
  await damage(dir, `v/${VILLAGE}/meta`, new Uint8Array([0x7b, 0x7d]));
  assert.is(await codeOf(withStore(dir, (open) => open.load(VILLAGE))), 'storage-corrupt');
});

store('does not hand out a spec that is not what its digest says', async ({ dir }) => {
  await applyUpTo(dir, 1);
  const digest = formatHex(sha256(specOf(1)));
  await damage(dir, `spec/${digest}`, specOf(2));
  assert.is(await withStore(dir, (open) => open.spec(digest)), undefined);
});

store('belongs to one process at a time', async ({ dir }) => {
  await withStore(dir, async () => {
    assert.is(
      await codeOf(StateStore.open(join(dir, 'store'), { create: true })),
      'storage-locked',
    );
  });
});

store('builds no key from what is no village id', async ({ dir }) => {
  await withStore(dir, async (open) => {
    for (const id of ['', '..', 'a/b', 'ä', 'x'.repeat(65), 'a\n'])
      assert.match(await codeOf(open.load(id)), 'RangeError');
  });
});

store.run();
