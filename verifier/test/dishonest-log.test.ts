// A log that signs what is not true: a reader that was there before believes none of it, and can show it to others.

import type { Payload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { openEvidence } from '@writ/verifier/follow/evidence';
import { FollowError } from '@writ/verifier/follow/fault';
import { type FollowStore, followVillage } from '@writ/verifier/follow/follow';
import type { Followed, SavedVillage } from '@writ/verifier/follow/reading';
import { openForkProof } from '@writ/verifier/fork-proof';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  INBOX_STREAM,
  keyOf,
  LOG_KEY,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { policy } from './world.ts';

const STEPS = 8;

const test = suite('a dishonest log');

function create(name: string): Payload {
  return { kind: 'village-create', name, constitution: constitution() };
}

/** Step `i` of the one history that is true; `twist` makes it another one. */
function play(log: VillageLog, i: number, twist = ''): void {
  const time = START + 60 * i;
  if (i === 0) {
    log.publish(time);
    log.add(VILLAGE_STREAM, create(`North${twist}`), keyOf('ada'));
    log.add('village/south', create('South'), keyOf('ada'));
  } else {
    log.add(VILLAGE_STREAM, change(2 * i - 1, undefined, twist), keyOf('ben'));
    log.add('village/south', change(i), keyOf('cid'));
    if (i === 2 || i === 5) log.add(INBOX_STREAM, change(100 + i), keyOf('outsider'));
    if (i === 4) log.publish(time + 1);
    log.add(VILLAGE_STREAM, change(2 * i, undefined, twist), keyOf('cid'));
  }
  log.publish(time + 5);
}

function history(steps: number): VillageLog {
  const log = new VillageLog();
  for (let i = 0; i < steps; i++) play(log, i);
  return log;
}

function storeOf(saved: SavedVillage | undefined): FollowStore & { readonly written: number } {
  const store = {
    written: 0,
    load: () => Promise.resolve(saved),
    save: () => {
      store.written++;
      return Promise.resolve(true);
    },
  };
  return store;
}

async function pass(
  saved: SavedVillage | undefined,
  read: (path: string) => Uint8Array | undefined,
  now: number,
): Promise<Followed | FollowError> {
  const env = {
    read: (path: string) => Promise.resolve(read(path)),
    nowSeconds: () => BigInt(now),
  };
  const store = storeOf(saved);
  try {
    const followed = await followVillage(env, store, policy, VILLAGE, { pageLimit: 6 });
    assert.is(store.written, 1);
    return followed;
  } catch (error) {
    // Anything but a coded refusal is a fault of the reader.
    if (!(error instanceof FollowError)) throw error;
    assert.is(store.written, 0, 'a reader that refuses saves nothing');
    return error;
  }
}

const honest = history(STEPS);
const { publications } = honest;
const last = publications.length - 1;
const end = START + 60 * STEPS;
/** What an honest reader remembers at each publication. */
const snapshots: (SavedVillage | undefined)[] = [undefined];
const answers = new Map<string, Uint8Array>();

function readAt(at: number, path: string): Uint8Array | undefined {
  const name = `${at} ${path}`;
  const known = answers.get(name) ?? honest.read(path, publications[at]);
  if (known !== undefined) answers.set(name, known);
  return known;
}

test.before(async () => {
  for (const at of publications.keys()) {
    const followed = await pass(undefined, (path) => readAt(at, path), end);
    if (followed instanceof FollowError) throw followed;
    snapshots.push(followed.next);
  }
});

function checkEvidence({ code, evidence }: FollowError): void {
  if (evidence === undefined) return;
  if (evidence.name.endsWith('.fork-proof')) openForkProof(evidence.bytes);
  else assert.is(openEvidence(evidence.bytes, policy).fault?.code, code);
}

test('cannot go back to any older tree', async () => {
  for (let from = 1; from <= last; from++) {
    for (let to = 0; to < from; to++) {
      const values = publications[to]?.values;
      const next = (values?.get(VILLAGE_STREAM)?.seq ?? -1) + 1;
      const read = (path: string): Uint8Array | undefined =>
        readAt(
          to,
          path.replace(/from=(\d+)/, (_, n) => `from=${Math.min(Number(n), next)}`),
        );
      const outcome = await pass(snapshots[from + 1], read, end);
      assert.ok(outcome instanceof FollowError && outcome.code === 'checkpoint-rolled-back');
    }
  }
});

/** What a log does with its own key behind `steps` honest steps, and how a reader that was there refuses it. */
const CRIMES: readonly {
  readonly name: string;
  readonly code: string;
  readonly commit: (log: VillageLog, time: number) => void;
}[] = [
  {
    name: 'shows another tree',
    code: 'fork-detected',
    commit: (log, time) => {
      while (log.size < 2 * honest.size) log.publish(time);
      log.publish(time);
    },
  },
  {
    name: 'commits to a made-up index',
    code: 'index-proof-failed',
    commit: (log, time) => log.publish(time, undefined, new Uint8Array(32).fill(7)),
  },
  {
    name: 'leaves the newest statement out of the index',
    code: 'stream-rolled-back',
    commit: (log, time) => {
      const values = new Map(log.newest.values);
      const value = values.get(VILLAGE_STREAM);
      const leaf = log.leaves.get(VILLAGE_STREAM)?.at(-2) ?? 0;
      if (value === undefined) throw new Error('no village');
      values.set(VILLAGE_STREAM, { ...value, seq: value.seq - 1, leafIndex: leaf });
      log.publish(time, values);
    },
  },
  {
    name: 'commits to another leaf for the newest statement',
    code: 'state-root-invalid',
    commit: (log, time) => {
      log.add(VILLAGE_STREAM, nextChange(log), keyOf('ben'));
      const head = log.states.get(VILLAGE_STREAM)?.head;
      if (head === undefined) throw new Error('no village');
      const { seq, id, index } = head;
      const value = { stream: VILLAGE_STREAM, seq, leafIndex: index - 1, statementId: id };
      log.publish(time, new Map(log.newest.values).set(VILLAGE_STREAM, value));
    },
  },
  {
    name: 'commits to a statement that it never logged',
    code: 'inclusion-failed',
    commit: (log, time) => {
      const index = log.newest.size - 1;
      const seq = (log.leaves.get(VILLAGE_STREAM)?.length ?? 0) - 1;
      const hidden = log.sign(VILLAGE_STREAM, nextChange(log), keyOf('ben'));
      const { id } = decodeStatement(hidden);
      const value = { stream: VILLAGE_STREAM, seq: seq + 1, leafIndex: index, statementId: id };
      log.publish(time, new Map(log.newest.values).set(VILLAGE_STREAM, value));
      log.hide(VILLAGE_STREAM, index, hidden);
    },
  },
  {
    name: 'leaves the village out of the index',
    code: 'stream-rolled-back',
    commit: (log, time) => {
      const values = new Map(log.newest.values);
      values.delete(VILLAGE_STREAM);
      log.publish(time, values);
    },
  },
  {
    name: 'publishes a tree that does not end with a state root',
    code: 'state-root-invalid',
    commit: (log, time) => {
      const { values } = log.newest;
      log.add(VILLAGE_STREAM, nextChange(log), keyOf('ben'));
      log.publishAs(time, values);
    },
  },
  {
    name: 'states the wrong size in the state root',
    code: 'state-root-invalid',
    commit: (log, time) => {
      const index = new Uint8Array(32);
      const root = { kind: 'state-root', index, streams: 9, size: 1, timeSeconds: time } as const;
      log.force(log.sign('log', root, LOG_KEY));
      log.publishAs(time, log.newest.values);
    },
  },
  {
    name: 'states another time than its witnesses',
    code: 'state-root-invalid',
    commit: (log, time) => {
      log.publish(time + 4000);
      const { size, logSeq, values } = log.newest;
      log.publications.push({ size, logSeq, values, note: log.note(size, time) });
    },
  },
  {
    name: 'lets a stranger write',
    code: 'statement-refused',
    commit: (log, time) => {
      log.force(log.sign(VILLAGE_STREAM, change(900), keyOf('stranger')));
      log.publish(time);
    },
  },
  {
    name: 'skips a version',
    code: 'statement-refused',
    commit: (log, time) => {
      log.force(log.sign(VILLAGE_STREAM, change(901), keyOf('ben')));
      log.publish(time);
    },
  },
  {
    name: 'puts words into the mouth of a member',
    code: 'statement-bad-signature',
    commit: (log, time) => {
      const bytes = log.sign(VILLAGE_STREAM, nextChange(log), keyOf('ben'));
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      log.force(bytes);
      log.publish(time);
    },
  },
  {
    name: 'lets a statement name another predecessor',
    code: 'stream-incomplete',
    commit: (log, time) => {
      const previous = new Uint8Array(32).fill(3);
      log.force(log.sign(VILLAGE_STREAM, nextChange(log), keyOf('ben'), { previous }));
      log.publish(time);
    },
  },
];

/** The next version of the policy. */
function nextChange(log: VillageLog): Payload {
  const state = log.states.get(VILLAGE_STREAM);
  const policies = state?.family === 'village' ? [...state.policies.values()] : [];
  return change((policies[0]?.version ?? 0) + 1);
}

test('cannot make a log that signs its lies believed by a reader that was there before', async () => {
  for (const { name, code, commit } of CRIMES) {
    for (let steps = 2; steps <= STEPS; steps++) {
      const log = name === 'shows another tree' ? new VillageLog() : history(steps);
      if (log.size === 0) for (let i = 0; i < steps; i++) play(log, i, ' of another tree');
      const saved = snapshots[publicationsOf(steps)];
      const time = START + 60 * steps;
      commit(log, time);
      const outcome = await pass(saved, lenient(log), time);
      if (!(outcome instanceof FollowError)) return assert.unreachable(`${name}: believed`);
      assert.is(outcome.code, code, `${name} after ${steps}: ${outcome.message}`);
      assert.ok(outcome.evidence, name);
      checkEvidence(outcome);
    }
  }
});

function publicationsOf(steps: number): number {
  return history(steps).publications.length;
}

/** A server that answers also where an honest one would not. */
function lenient(log: VillageLog): (path: string) => Uint8Array | undefined {
  return (path) => {
    const stream = /^streams\/(.+)\/follow/.exec(path)?.[1] ?? '';
    const next = (log.newest.values.get(stream)?.seq ?? -1) + 1;
    return log.read(path.replace(/from=(\d+)/, (_, n) => `from=${Math.min(Number(n), next)}`));
  };
}

test('that freezes is found out by the clock', async () => {
  for (const saved of snapshots) {
    const outcome = await pass(saved, (path) => readAt(last, path), end + 26 * 3600);
    assert.ok(outcome instanceof FollowError && outcome.code === 'checkpoint-stale');
  }
});

test.run();
