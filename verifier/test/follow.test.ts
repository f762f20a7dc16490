import { formatHex, utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodeFollowPage, encodeFollowPage } from '@writ/core/streams/follow-page';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { openEvidence } from '@writ/verifier/follow/evidence';
import { FollowError } from '@writ/verifier/follow/fault';
import { type FollowOptions, type FollowStore, followVillage } from '@writ/verifier/follow/follow';
import type { Followed, SavedVillage } from '@writ/verifier/follow/reading';
import { replayLog } from '@writ/verifier/follow/replay-log';
import { openForkProof } from '@writ/verifier/fork-proof';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  INBOX_STREAM,
  keyOf,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { failsWith, logSigner, policy, policyText } from './world.ts';

const test = suite('following a village');

/** A store in memory with the condition that every store has to keep. */
class MemoryStore implements FollowStore {
  saved: SavedVillage | undefined;

  load = (): Promise<SavedVillage | undefined> => Promise.resolve(this.saved);

  save = (expected: Uint8Array | undefined, next: SavedVillage): Promise<boolean> => {
    const isExpected =
      expected === undefined
        ? this.saved === undefined
        : this.saved !== undefined && formatHex(this.saved.checkpoint) === formatHex(expected);
    if (isExpected) this.saved = next;
    return Promise.resolve(isExpected);
  };
}

class Reader {
  readonly store = new MemoryStore();
  readonly paths: string[] = [];
  bytes = 0;
  now: number = START + 100;

  follow(
    log: VillageLog,
    options: FollowOptions = {},
    read: (path: string) => Uint8Array | undefined = log.read,
  ): Promise<Followed> {
    const env = {
      read: (path: string): Promise<Uint8Array | undefined> => {
        const bytes = read(path);
        this.paths.push(path);
        this.bytes += bytes?.length ?? 0;
        return Promise.resolve(bytes);
      },
      nowSeconds: () => BigInt(this.now),
    };
    return followVillage(env, this.store, policy, VILLAGE, options);
  }
}

function founded(quorum = 1): VillageLog {
  const log = new VillageLog();
  log.publish(START);
  log.add(VILLAGE_STREAM, create(quorum), keyOf('ada'));
  log.publish(START + 10);
  return log;
}

function create(quorum = 1) {
  return { kind: 'village-create', name: 'North', constitution: constitution(quorum) } as const;
}

function bytesOf({ state }: Followed): string {
  return state === null ? '' : formatHex(encodeStreamState(state));
}

function truth(log: VillageLog): string {
  const state = log.states.get(VILLAGE_STREAM);
  return state === undefined ? '' : formatHex(encodeStreamState(state));
}

test('leads to the state of the log, first whole and then step by step', async () => {
  const log = founded();
  const [reader, late] = [new Reader(), new Reader()];
  const first = await reader.follow(log);
  assert.is(bytesOf(first), truth(log));
  assert.is(first.news.length, 1);
  assert.is(first.news[0]?.effect.result, 'created');
  for (let version = 1; version <= 12; version++) {
    log.add(VILLAGE_STREAM, change(version), keyOf(version % 2 === 0 ? 'ben' : 'cid'));
    if (version % 3 === 0) log.publish(START + 10 + version);
    if (version % 3 !== 0) continue;
    const followed = await reader.follow(log);
    assert.is(bytesOf(followed), truth(log));
    assert.is(followed.news.length, 3);
    assert.is(followed.timeSeconds, START + 10 + version);
  }
  const whole = await late.follow(log, { pageLimit: 4 });
  assert.is(bytesOf(whole), truth(log));
  assert.is(whole.news.length, 13);
  assert.equal(reader.store.saved, late.store.saved);
});

test('reads the inbox where the constitution lets outsiders propose', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  const outsider = keyOf('outsider');
  log.add(INBOX_STREAM, change(1), outsider);
  log.publish(START + 20);
  const proposal = log.sign(INBOX_STREAM, change(1), outsider);
  const quarantined = await reader.follow(log);
  assert.is(quarantined.inbox?.proposals.size, 1);
  assert.is(quarantined.unchecked, 1, 'nobody named the key of the outsider');
  const [known] = [...(quarantined.inbox?.proposals.values() ?? [])];
  const head = quarantined.inbox?.head.id;
  if (known === undefined || head === undefined) throw new Error('no proposal');
  log.add(
    VILLAGE_STREAM,
    { kind: 'quarantine-approve', proposal: head, digest: known.digest },
    keyOf('ben'),
  );
  log.offer(proposal);
  log.publish(START + 30);
  const taken = await reader.follow(log, { authorKey: () => outsider.publicKey });
  assert.is(bytesOf(taken), truth(log));
  assert.is(taken.unchecked, 0);
  assert.ok(taken.news.some(({ effect }) => effect.result === 'taken-up'));
  const state = log.states.get(INBOX_STREAM);
  assert.equal(taken.next.inbox, state && encodeStreamState(state));
});

test('reads the inbox as soon as an amendment that was open before lets outsiders in', async () => {
  const log = new VillageLog();
  log.publish(START);
  const closed = constitution(1, { quarantine: null });
  const two = { ...closed.rules.constitution, authors: ['author'], approvers: ['author'] };
  const amending = { ...two, quorum: { kind: 'count', k: 2 } } as const;
  const law = { ...closed, rules: { ...closed.rules, constitution: amending } };
  log.add(VILLAGE_STREAM, { kind: 'village-create', name: 'N', constitution: law }, keyOf('ben'));
  const next = { ...law, quarantine: constitution().quarantine };
  const amend = {
    kind: 'constitution-amend',
    version: 2,
    constitution: next,
    reason: 'r',
  } as const;
  log.add(VILLAGE_STREAM, amend, keyOf('ben'));
  const proposal = log.states.get(VILLAGE_STREAM)?.head.id ?? new Uint8Array(0);
  log.publish(START + 10);
  const reader = new Reader();
  assert.is((await reader.follow(log)).isFirst, true);
  log.add(VILLAGE_STREAM, { kind: 'approve', proposal }, keyOf('cid'));
  log.add(INBOX_STREAM, change(1), keyOf('outsider'));
  log.publish(START + 20);
  const followed = await reader.follow(log);
  assert.is(followed.isFirst, false);
  assert.is(followed.inbox?.proposals.size, 1);
});

test('proves that a village does not exist, and finds it when it does', async () => {
  const log = new VillageLog();
  log.publish(START);
  const reader = new Reader();
  const absent = await reader.follow(log);
  assert.is(absent.state, null);
  log.add(VILLAGE_STREAM, create(), keyOf('ada'));
  log.publish(START + 5);
  assert.is(bytesOf(await reader.follow(log)), truth(log));
});

test('says nothing and saves the same when nothing happened', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  const { saved } = reader.store;
  const again = await reader.follow(log);
  assert.is(again.news.length, 0);
  assert.equal(reader.store.saved, saved);
});

test('agrees byte for byte with a replay of all leaves, at every publication', async () => {
  const log = founded(2);
  const reader = new Reader();
  for (let version = 1; version <= 4; version++) {
    log.add(VILLAGE_STREAM, change(version), keyOf('ben'));
    const id = log.states.get(VILLAGE_STREAM)?.head.id ?? new Uint8Array(0);
    log.publish(START + 100 * version);
    reader.now = START + 100 * version;
    assert.is(bytesOf(await reader.follow(log)), await replayed(log));
    log.add(VILLAGE_STREAM, { kind: 'approve', proposal: id }, keyOf('cid'));
    log.publish(START + 100 * version + 50);
    const followed = await reader.follow(log);
    assert.is(bytesOf(followed), await replayed(log));
    assert.is([...(followed.state?.policies.values() ?? [])][0]?.version, version);
  }
});

async function replayed(log: VillageLog): Promise<string> {
  const source = { read: (path: string) => Promise.resolve(log.read(path)) };
  const checkpoint = openCheckpoint(log.newest.note, policy);
  const { states } = await replayLog(source, checkpoint, { everyStateRoot: true });
  const state = states.get(VILLAGE_STREAM);
  return state === undefined ? '' : formatHex(encodeStreamState(state));
}

async function fault(
  reader: Reader,
  log: VillageLog,
  code: string,
  read?: (path: string) => Uint8Array | undefined,
): Promise<FollowError> {
  const { saved } = reader.store;
  const error = await failsWith(() => reader.follow(log, {}, read), code);
  assert.equal(reader.store.saved, saved, 'nothing is saved');
  if (!(error instanceof FollowError)) throw error;
  return error;
}

/** The evidence shows the same to somebody who has nothing but the file. */
function shows({ code, evidence }: FollowError): void {
  if (evidence === undefined) throw new Error(`no evidence for ${code}`);
  const shown = openEvidence(evidence.bytes, policy);
  assert.is(shown.fault?.code, code);
  assert.ok(shown.isPolicyOwn);
  assert.ok(evidence.name.startsWith(`${code}-`));
}

test('refuses an older tree', async () => {
  const log = founded();
  const reader = new Reader();
  const old = log.newest;
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 20);
  await reader.follow(log);
  shows(
    await fault(reader, log, 'checkpoint-rolled-back', (path) =>
      log.read(path.replace(/from=\d+/, 'from=1'), old),
    ),
  );
});

test('refuses a tree that nobody cosigned for too long', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  reader.now = START + 10 + 26 * 3600;
  shows(await fault(reader, log, 'checkpoint-stale'));
});

test('refuses a second tree and keeps a fork proof', async () => {
  const [log, other] = [founded(), founded()];
  const reader = new Reader();
  await reader.follow(log);
  other.add(VILLAGE_STREAM, change(1, undefined, ' forked'), keyOf('ben'));
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  const [mine, theirs] = [log.publish(START + 20), other.publish(START + 20)];
  assert.is(mine.size, theirs.size);
  await reader.follow(log);
  const { evidence } = await fault(reader, other, 'fork-detected');
  assert.ok(evidence?.name.endsWith('.fork-proof'));
  assert.is(openForkProof(evidence?.bytes ?? new Uint8Array(0)).key.id, logSigner.id);
});

test('refuses a stream whose end was taken back under a state root that the log signed', async () => {
  const log = founded();
  const reader = new Reader();
  const before = log.newest.values;
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 20);
  await reader.follow(log);
  log.publish(START + 30, before);
  const honest = (path: string) => log.read(path.replace(/from=\d+/, 'from=1'));
  shows(await fault(reader, log, 'stream-rolled-back', honest));
});

test('finds out later that a state root left out a statement', async () => {
  const log = founded();
  const reader = new Reader();
  const before = log.newest.values;
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 20, before);
  await reader.follow(log);
  log.publish(START + 30);
  shows(await fault(reader, log, 'state-root-invalid'));
});

test('refuses what the log should not have admitted', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  log.force(log.sign(VILLAGE_STREAM, change(1), keyOf('stranger')));
  log.publish(START + 20);
  const error = await fault(reader, log, 'statement-refused');
  assert.is(error.detail['refusal'], 'author-not-member');
  shows(error);
});

test('refuses a statement that its author did not sign', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  const bytes = log.sign(VILLAGE_STREAM, change(1), keyOf('ben'));
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  log.force(bytes);
  log.publish(START + 20);
  shows(await fault(reader, log, 'statement-bad-signature'));
});

test('does not let a slow pass overwrite a newer one', async () => {
  const log = founded();
  const reader = new Reader();
  await reader.follow(log);
  const slow = reader.store.saved;
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 20);
  await reader.follow(log);
  reader.store.load = () => Promise.resolve(slow);
  await failsWith(() => reader.follow(log), 'head-conflict');
});

test('builds no path from what is no village id', async () => {
  const env = { read: () => assert.unreachable() as never, nowSeconds: () => 0n };
  for (const id of ['', '..', '../x', 'a/b', 'a?b', 'é', 'a'.repeat(65)]) {
    let failed = false;
    await followVillage(env, new MemoryStore(), policy, id).catch((error: unknown) => {
      failed = error instanceof RangeError;
    });
    assert.ok(failed, id);
  }
});

test('keeps its word under a policy without witnesses by the time of the state root', async () => {
  const alone = parsePolicy(utf8(`${policyText.split('\n')[0]}\nquorum none\n`));
  const log = founded();
  const store = new MemoryStore();
  let now = START + 20;
  const env = {
    read: (path: string) => Promise.resolve(log.read(path)),
    nowSeconds: () => BigInt(now),
  };
  await followVillage(env, store, alone, VILLAGE);
  now += 26 * 3600;
  await failsWith(() => followVillage(env, store, alone, VILLAGE), 'checkpoint-stale');
});

test('costs a few kilobytes for a new policy in a log of ten million entries', async () => {
  const law = constitution(1, { quarantine: null });
  const create = { kind: 'village-create', name: 'North', constitution: law } as const;
  // The second is the size with the longest proofs in reach: every level has a left sibling.
  for (const filler of [10_000_000, 2 ** 24 - 12]) {
    const log = new VillageLog({ filler, indexDepth: 20 });
    log.publish(START);
    log.add(VILLAGE_STREAM, create, keyOf('ada'));
    log.publish(START + 1);
    const reader = new Reader();
    await reader.follow(log);
    for (let i = 0; i < 5; i++) log.publish(START + 2 + i);
    log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
    log.publish(START + 10);
    [reader.bytes, reader.paths.length] = [0, 0];
    const { news } = await reader.follow(log);
    const beside = reader.bytes - (news[0]?.statement.bytes.length ?? 0);
    assert.is(reader.paths.length, 1);
    assert.ok(beside <= 6 * 1024, `${beside} bytes at ${filler}`);
  }
});

test('reads pages that were encoded and encodes what it read', () => {
  const log = founded();
  const bytes = log.page({ stream: VILLAGE_STREAM, from: 0 });
  assert.equal(encodeFollowPage(decodeFollowPage(bytes)), bytes);
});

test.run();
