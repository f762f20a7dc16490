// The log that admits, the reader that follows and the auditor who replays the leaves: after every entry of long
// random histories they hold the same bytes.

import { formatHex, parseHex } from '@writ/core/bytes';
import type { Ed25519Signer } from '@writ/core/ed25519';
import { HASH_SIZE } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import type { InboxState } from '@writ/core/streams/inbox-state';
import { Replay } from '@writ/core/streams/replay';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { followVillage } from '@writ/verifier/follow/follow';
import type { SavedVillage } from '@writ/verifier/follow/reading';
import { replayLog } from '@writ/verifier/follow/replay-log';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Dice } from './dice.ts';
import {
  change,
  constitution,
  INBOX_STREAM,
  keyOf,
  LOG_KEY,
  POLICY_ID,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { failsWith, policy } from './world.ts';

const HISTORIES = 3;
const ATTEMPTS = 400;
const OTHER_POLICY = '3f2a1b4c-1111-4222-8333-944455556667';
const test = suite('log, reader and auditor');

/** People who try things, some of them allowed. */
class Crowd {
  readonly dice: Dice;
  readonly log: VillageLog;
  readonly results = new Map<string, number>();
  readonly #keys = new Map<string, Ed25519Signer[]>();

  constructor(seed: string, log: VillageLog) {
    this.dice = new Dice(seed);
    this.log = log;
    for (const name of ['ada', 'ben', 'cid', 'outsider', 'mallory'])
      this.#keys.set(name, [keyOf(name)]);
  }

  get village(): VillageState {
    const state = this.log.states.get(VILLAGE_STREAM);
    if (state?.family !== 'village') throw new RangeError('the village was not created');
    return state;
  }

  get inbox(): InboxState | undefined {
    const state = this.log.states.get(INBOX_STREAM);
    return state?.family === 'inbox' ? state : undefined;
  }

  /** Tries one thing; true when the log admitted it. */
  act(): boolean {
    const name = this.dice.pick(['ada', 'ada', 'ben', 'ben', 'cid', 'cid', 'outsider', 'mallory']);
    const isInbox = name === 'outsider' || this.dice.below(10) === 0;
    const payload = isInbox ? this.#proposal() : this.#payload(name);
    const keys = this.#keys.get(name) ?? [];
    const good = keys.filter(({ publicKey }) => this.#isGood(publicKey));
    const signer = this.dice.pick(good.length === 0 || this.dice.below(10) === 0 ? keys : good);
    const stream = isInbox ? INBOX_STREAM : VILLAGE_STREAM;
    const outcome = this.log.offer(this.log.sign(stream, payload, signer));
    const result = outcome.admitted ? outcome.effect.result : outcome.refusal.code;
    this.results.set(result, (this.results.get(result) ?? 0) + 1);
    return outcome.admitted;
  }

  #isGood(publicKey: Uint8Array): boolean {
    return this.village.keys.get(formatHex(coseKeyThumbprint(publicKey)))?.untilSeq === null;
  }

  #payload(name: string): Payload {
    switch (this.dice.below(9)) {
      case 0:
      case 1:
        return this.#proposal();
      case 2:
        return this.dice.below(2) === 0 ? this.#amendment() : this.#vote();
      case 3:
        return { kind: 'key-rotate', key: this.#newKey(name) };
      case 4:
        return this.#revocation();
      case 5:
        return this.#quarantineVote();
      case 6:
        return this.#backwards();
      default:
        return this.#vote();
    }
  }

  #nextVersion(id: string): number {
    const version = this.village.policies.get(id)?.version ?? 0;
    return version + (this.dice.below(8) === 0 ? 2 : 1);
  }

  #proposal(): Payload {
    const id = this.dice.pick([POLICY_ID, OTHER_POLICY]);
    return change(this.#nextVersion(id), id, ` ${this.dice.below(1000)}`);
  }

  #backwards(): Payload {
    const id = this.dice.pick([POLICY_ID, OTHER_POLICY]);
    const version = this.#nextVersion(id);
    const reason = 'because';
    return this.dice.below(2) === 0
      ? { kind: 'policy-disable', policy: id, version, reason }
      : { kind: 'policy-rollback', policy: id, version, toVersion: 1, reason };
  }

  #amendment(): Payload {
    const { law, constitution: ref } = this.village;
    const { rules, quarantine } = constitution(1 + this.dice.below(2));
    const isOpen = this.dice.below(6) > 0;
    const next = { ...law, rules, quarantine: isOpen ? quarantine : null };
    const version = ref.version + 1;
    return { kind: 'constitution-amend', version, constitution: next, reason: 'because' };
  }

  #newKey(name: string): Uint8Array {
    const keys = this.#keys.get(name) ?? [];
    const key = keyOf(`${name} ${keys.length}`);
    this.#keys.set(name, [...keys, key]);
    return key.publicKey;
  }

  /** Of somebody who has another key left, or the history ends soon. */
  #revocation(): Payload {
    const good = [...this.village.keys.values()].filter(({ untilSeq }) => untilSeq === null);
    const spare = good.filter(
      ({ member }, i) => good.findIndex((other) => other.member === member) !== i,
    );
    if (spare.length === 0) return this.#vote();
    const record = this.dice.pick(spare);
    return { kind: 'key-revoke', member: record.member, key: record.key, reason: 'lost' };
  }

  #vote(): Payload {
    const { proposals, closed } = this.village;
    const ids = [...[...proposals].map(([id]) => id), ...closed.slice(-1).map(({ id }) => id)];
    const proposal = ids.length === 0 ? new Uint8Array(HASH_SIZE) : bytesOf(this.dice.pick(ids));
    const kind = this.dice.pick(['approve', 'approve', 'reject', 'withdraw', 'activate'] as const);
    return { kind, proposal };
  }

  #quarantineVote(): Payload {
    const known = [...(this.inbox?.proposals ?? [])];
    const kind = this.dice.pick(['quarantine-approve', 'quarantine-reject'] as const);
    if (known.length === 0)
      return { kind, proposal: new Uint8Array(HASH_SIZE), digest: new Uint8Array(HASH_SIZE) };
    const [id, { digest }] = this.dice.pick(known);
    return { kind, proposal: bytesOf(id), digest };
  }
}

function bytesOf(id: string): Uint8Array {
  return parseHex(id) ?? new Uint8Array(0);
}

function digestOf(states: ReadonlyMap<string, Parameters<typeof encodeStreamState>[0]>): string {
  return [VILLAGE_STREAM, INBOX_STREAM]
    .map((stream) => {
      const state = states.get(stream);
      return state === undefined ? '' : formatHex(encodeStreamState(state));
    })
    .join(' ');
}

async function live(seed: string): Promise<ReadonlyMap<string, number>> {
  const log = new VillageLog();
  const crowd = new Crowd(seed, log);
  const replay = new Replay({ logKey: LOG_KEY.publicKey });
  let saved: SavedVillage | undefined;
  let time = START;
  const store = {
    load: () => Promise.resolve(saved),
    save: (_: unknown, next: SavedVillage) => {
      saved = next;
      return Promise.resolve(true);
    },
  };
  const env = {
    read: (path: string) => Promise.resolve(log.read(path)),
    nowSeconds: () => BigInt(time),
  };
  const law = constitution(2);
  log.add(
    VILLAGE_STREAM,
    { kind: 'village-create', name: 'North', constitution: law },
    keyOf('ada'),
  );
  for (let i = 0; i < ATTEMPTS; i++) {
    if (i > 0 && !crowd.act()) continue;
    // Now and then several entries come before a state root.
    if (crowd.dice.below(4) === 0) continue;
    time += crowd.dice.below(crowd.dice.below(6) === 0 ? 4000 : 60);
    log.publish(time);
    while (replay.size < log.size)
      replay.add({ index: replay.size, bytes: log.entry(replay.size) });
    const { state, inbox } = await followVillage(env, store, policy, VILLAGE);
    const followed = new Map();
    if (state !== null) followed.set(VILLAGE_STREAM, state);
    if (inbox !== null) followed.set(INBOX_STREAM, inbox);
    const truth = digestOf(log.states);
    assert.is(digestOf(replay.states), truth, `${seed}: the replay at entry ${log.size}`);
    assert.is(digestOf(followed), truth, `${seed}: the reader at entry ${log.size}`);
  }
  log.publish(time);
  const source = { read: (path: string) => Promise.resolve(log.read(path)) };
  const checkpoint = openCheckpoint(log.newest.note, policy);
  const whole = await replayLog(source, checkpoint, { everyStateRoot: true });
  assert.is(digestOf(whole.states), digestOf(log.states));
  return crowd.results;
}

test('hold the same bytes after every entry of random histories', async () => {
  const base = process.env['WRIT_SEED'] ?? 'agreement';
  const results = new Map<string, number>();
  for (let i = 0; i < HISTORIES; i++)
    for (const [result, count] of await live(`${base} ${i}`))
      results.set(result, (results.get(result) ?? 0) + count);
  for (const result of [
    'proposed',
    'approved',
    'activated',
    'rejected',
    'withdrawn',
    'key-added',
    'key-revoked',
    'quarantined',
    'taken-up',
    'author-not-member',
    'version-wrong',
  ])
    assert.ok((results.get(result) ?? 0) > 0, `no history had one ${result}: ${[...results]}`);
});

test('a replay finds what readers cannot: an index that leaves a statement out from the start', async () => {
  const log = new VillageLog();
  log.publish(START);
  const law = constitution(1, { quarantine: null });
  log.add(
    VILLAGE_STREAM,
    { kind: 'village-create', name: 'North', constitution: law },
    keyOf('ada'),
  );
  const before = log.publish(START + 1).values;
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 2, before);
  const source = { read: (path: string) => Promise.resolve(log.read(path)) };
  const checkpoint = openCheckpoint(log.newest.note, policy);
  await failsWith(() => replayLog(source, checkpoint), 'hash-mismatch');
});

test('a replay refuses entries that are not those of the checkpoint, and a tree without its state root', async () => {
  const log = new VillageLog();
  log.publish(START);
  const law = constitution(1, { quarantine: null });
  log.add(VILLAGE_STREAM, { kind: 'village-create', name: 'N', constitution: law }, keyOf('ada'));
  const bare = log.publishAs(START + 1, new Map());
  const source = { read: (path: string) => Promise.resolve(log.read(path)) };
  const open = openCheckpoint(bare.note, policy);
  await failsWith(() => replayLog(source, open), 'state-root-invalid');
  log.publish(START + 2);
  const other = new VillageLog();
  other.publish(START);
  const named = { kind: 'village-create', name: 'Other', constitution: law } as const;
  other.add(VILLAGE_STREAM, named, keyOf('ada'));
  other.publish(START + 2);
  const elsewhere = { read: (path: string) => Promise.resolve(other.read(path)) };
  const checkpoint = openCheckpoint(log.newest.note, policy);
  await failsWith(() => replayLog(elsewhere, checkpoint), 'hash-mismatch');
  const nothing = { read: () => Promise.resolve(undefined) };
  await failsWith(() => replayLog(nothing, checkpoint), 'entry-absent');
});

test.run();
