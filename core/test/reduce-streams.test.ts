// The streams beside villages: log, audit, nodes, packages; replay and encoding of states (spec/villages.md sections
// 9 to 13).

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap } from '@writ/core/cbor/value';
import { isLogError, type LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { reducePackage } from '@writ/core/streams/package';
import { contextAt, signerKey } from '@writ/core/streams/reduce';
import { refusalError } from '@writ/core/streams/refusal';
import { indexValues, type LogEntry, Replay, replay } from '@writ/core/streams/replay';
import {
  decodeStreamState,
  encodeStreamState,
  streamStateDigest,
} from '@writ/core/streams/state-codec';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AUDIT,
  change,
  constitution,
  flip,
  foundedWorld,
  INBOX,
  keyOf,
  LOG_KEY,
  logKey,
  START,
  VILLAGE,
  World,
} from './village-world.ts';

const test = suite('streams');

function isRangeError(error: unknown): boolean {
  return error instanceof RangeError;
}

function failure(run: () => unknown): LogError {
  try {
    run();
  } catch (error) {
    if (isLogError(error)) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

function stateRoot(world: World, fields: object = {}): Payload {
  return {
    kind: 'state-root',
    index: new Uint8Array(32),
    streams: world.states.size,
    size: world.entries.length,
    timeSeconds: START,
    ...fields,
  };
}

test('only the log writes to its stream', () => {
  const world = new World();
  assert.is(world.why('log', stateRoot(world), 'ada'), 'author-not-log by log.author');
  world.add('log', stateRoot(world), 'log');
});

test('a state root counts the entries before it, and its time never goes back', () => {
  const world = foundedWorld();
  const refused = (fields: object) => world.why('log', stateRoot(world, fields), 'log');
  assert.is(refused({ size: 3 }), 'size-wrong by log.state-root.size');
  assert.is(refused({ size: 1 }), 'size-wrong by log.state-root.size');
  assert.is(refused({ timeSeconds: START - 1 }), 'time-backwards by log.state-root.time');
  world.add('log', stateRoot(world), 'log');
  assert.is(refused({ streams: 1 }), 'streams-lost by log.state-root.streams');
});

test('the log changes its key with a statement that both keys signed', () => {
  const world = foundedWorld();
  const rotation = logKey(world, 'log 2');
  assert.is(world.refusal('log', rotation, 'log 2').code, 'author-not-log');
  const borrowed = { ...rotation, key: keyOf('log 3').publicKey } as Payload;
  assert.is(world.why('log', borrowed, 'log'), 'key-proof-wrong by log.log-key.proof');
  const weak = { ...rotation, key: new Uint8Array(32) } as Payload;
  assert.is(world.why('log', weak, 'log'), 'key-weak by log.log-key');
  world.add('log', rotation, 'log');
  assert.is(world.refusal('log', stateRoot(world), 'log').code, 'author-not-log');
  world.add('log', stateRoot(world), 'log 2');
  assert.is(world.refusal('log', rotation, 'log 2').code, 'key-proof-wrong');
});

test('the log announces no version of the rules but the one there is', () => {
  const world = foundedWorld();
  world.add('log', { kind: 'log-protocol', version: 1 }, 'log');
  assert.is(
    world.why('log', { kind: 'log-protocol', version: 2 }, 'log'),
    'protocol-unknown by log.protocol',
  );
});

function denial(fields: object = {}): Payload {
  return {
    kind: 'denial',
    stream: VILLAGE,
    statement: new Uint8Array(32),
    code: 'author-not-member',
    rule: 'constitution.members',
    ...fields,
  };
}

test('the log records denials where the constitution wants it', () => {
  const world = foundedWorld();
  world.add(AUDIT, denial(), 'log');
  world.add(AUDIT, denial({ stream: INBOX }), 'log');
  assert.is(world.why(AUDIT, denial(), 'ada'), 'author-not-log by audit.denial');
  assert.is(
    world.why(AUDIT, denial({ stream: 'village/other' }), 'log'),
    'denial-out-of-place by audit.denial',
  );
  assert.is(world.why('audit/other', denial(), 'log'), 'village-unknown by audit.denial');
  const silent = foundedWorld(constitution({ recordDenials: false }));
  assert.is(silent.why(AUDIT, denial(), 'log'), 'denials-off by constitution.recordDenials');
});

test('the audit stream with the name of a village is for its members', () => {
  const world = foundedWorld();
  const note: Payload = { kind: 'note', text: 'drill' };
  world.add('audit/elsewhere', note, 'oz');
  world.add(AUDIT, note, 'eve');
  world.add(AUDIT, note, 'log');
  assert.is(world.why(AUDIT, note, 'oz'), 'author-not-member by audit.note');
  const revoke = {
    kind: 'key-revoke',
    member: 'eve',
    key: keyOf('eve').publicKey,
    reason: '',
  } as const;
  world.add(VILLAGE, revoke, 'eve');
  assert.is(world.refusal(AUDIT, note, 'eve').code, 'key-revoked');
});

test('the stream of a package belongs to the key that began it', () => {
  const world = foundedWorld();
  const at = contextAt(world.states, world.entries.length, LOG_KEY.publicKey);
  const payload: Payload = { kind: 'note', text: 'of a kind to come' };
  const stream = 'package/drivers/proxmox.ve';
  const first = decodeStatement(world.sign(stream, payload, keyOf('node')));
  const begun = reducePackage(undefined, { statement: first, payload }, at);
  if (!begun.admitted) throw new Error('refused');
  const next = { seq: 1, previous: first.id };
  const second = decodeStatement(world.sign(stream, payload, keyOf('node'), next));
  assert.ok(reducePackage(begun.state, { statement: second, payload }, at).admitted);
  const foreign = decodeStatement(world.sign(stream, payload, keyOf('oz'), next));
  const refused = reducePackage(begun.state, { statement: foreign, payload }, at);
  assert.is(refused.admitted ? '' : refused.refusal.code, 'author-not-owner');
  const gap = reducePackage(undefined, { statement: second, payload }, at);
  assert.is(gap.admitted ? '' : gap.refusal.code, 'position-wrong');
});

function busyWorld(): World {
  const world = foundedWorld();
  world.add(VILLAGE, change(1), 'ben');
  world.add(INBOX, change(2), 'oz');
  world.add(VILLAGE, { kind: 'key-rotate', key: keyOf('ben 2').publicKey }, 'ben');
  world.add(AUDIT, denial(), 'log');
  world.add('log', logKey(world, 'log 2'), 'log');
  world.add('audit/elsewhere', { kind: 'note', text: 'drill' }, 'una');
  world.add(VILLAGE, change(2, { notBefore: { timeSeconds: START + 60, index: null } }), 'ben 2');
  return world;
}

const OPTIONS = { logKey: LOG_KEY.publicKey };

test('replay derives the states from the leaves alone', () => {
  const world = busyWorld();
  const replayed = replay(world.entries, OPTIONS);
  assert.is(replayed.size, world.entries.length);
  assert.is(replayed.unchecked, 2, 'an outsider and a stranger');
  assert.equal([...replayed.states.keys()], [...world.states.keys()]);
  for (const [stream, state] of world.states) {
    const other = replayed.states.get(stream);
    assert.ok(other);
    if (other !== undefined)
      assert.is(formatHex(encodeStreamState(other)), formatHex(encodeStreamState(state)), stream);
  }
});

test('replay checks the signatures of strangers whose keys it is given', () => {
  const world = busyWorld();
  const keys = new Map(
    ['oz', 'una'].map((label) => {
      const { publicKey } = keyOf(label);
      const bytes = world.sign('audit/x', { kind: 'note', text: 'x' }, keyOf(label));
      return [formatHex(decodeStatement(bytes).keyId), publicKey];
    }),
  );
  const authorKey = (keyId: Uint8Array) => keys.get(formatHex(keyId));
  assert.is(replay(world.entries, { ...OPTIONS, authorKey }).unchecked, 0);
});

test('replay goes on from states that were kept', () => {
  const world = busyWorld();
  const first = replay(world.entries.slice(0, 4), OPTIONS);
  const kept = new Map(
    [...first.states].map(([stream, state]) => [
      stream,
      decodeStreamState(encodeStreamState(state)),
    ]),
  );
  const rest = replay(world.entries.slice(4), { ...OPTIONS, from: { states: kept, index: 4 } });
  for (const [stream, state] of world.states) {
    const other = rest.states.get(stream);
    assert.equal(other === undefined ? '' : streamStateDigest(other), streamStateDigest(state));
  }
});

test('replay stops at the first entry that should not be there, and says where', () => {
  const world = busyWorld();
  const index = world.entries.length;
  const bytes = world.sign(VILLAGE, change(3), keyOf('eve'));
  const error = failure(() => replay([...world.entries, { index, bytes }], OPTIONS));
  assert.is(error.code, 'statement-refused');
  assert.is(error.detail['index'], index);
  assert.is(error.detail['stream'], VILLAGE);
  assert.is(error.detail['refusal'], 'author-lacks-role');
  assert.is(error.detail['rule'], 'constitution.rules.policy.authors');
  assert.is(error.detail['statement'], formatHex(decodeStatement(bytes).id));
});

test('replay refuses a leaf left out, doubled, exchanged or forged', () => {
  const { entries } = busyWorld();
  const renumbered = (list: readonly LogEntry[]) =>
    list.map(({ bytes }, index) => ({ index, bytes }));
  const codeOf = (list: readonly LogEntry[]) =>
    failure(() => replay(renumbered(list), OPTIONS)).code;
  assert.is(codeOf(entries.filter(({ index }) => index !== 2)), 'stream-conflict');
  assert.is(codeOf([...entries, ...entries.slice(2, 3)]), 'stream-conflict');
  const [zero, one, two, three, ...rest] = entries;
  if (zero === undefined || one === undefined || two === undefined || three === undefined) return;
  assert.is(codeOf([zero, two, one, three, ...rest]), 'stream-conflict');
  const forged = { ...two, bytes: flip(two.bytes, two.bytes.length - 10) };
  assert.is(codeOf([zero, one, forged]), 'statement-bad-signature');
  const broken = { ...two, bytes: two.bytes.subarray(1) };
  assert.is(codeOf([zero, one, broken]), 'statement-malformed');
});

test('replay takes entries in their order only', () => {
  const whole = new Replay(OPTIONS);
  const { entries } = busyWorld();
  const [, second] = entries;
  assert.throws(() => second !== undefined && whole.add(second), isRangeError);
  assert.throws(() => new Replay({ logKey: new Uint8Array(32) }), isRangeError);
});

test('replay asks about the index of every state root, with the heads before it', () => {
  const world = foundedWorld();
  world.setTime(START + 60);
  const seen: string[][] = [];
  const checkIndex = (_: unknown, states: Parameters<typeof indexValues>[0]) => {
    seen.push([...indexValues(states)].map(({ stream, seq }) => `${stream} ${seq}`));
    return true;
  };
  replay(world.entries, { ...OPTIONS, checkIndex });
  assert.equal(seen, [[], ['log 0', `${VILLAGE} 0`]]);
  const error = failure(() => replay(world.entries, { ...OPTIONS, checkIndex: () => false }));
  assert.is(error.code, 'hash-mismatch');
  assert.is(error.detail['index'], 0);
});

test('the log names the key of everybody it knows, and of nobody else', () => {
  const world = foundedWorld();
  const keyFor = (stream: string, payload: Payload, label: string) => {
    const statement = decodeStatement(world.sign(stream, payload, keyOf(label)));
    const context = contextAt(world.states, world.entries.length, LOG_KEY.publicKey);
    return signerKey({ statement, payload }, context);
  };
  const note: Payload = { kind: 'note', text: 'x' };
  assert.equal(keyFor(VILLAGE, change(1), 'ben'), keyOf('ben').publicKey);
  assert.equal(keyFor('log', stateRoot(world), 'log'), keyOf('log').publicKey);
  assert.equal(keyFor(AUDIT, denial(), 'log'), keyOf('log').publicKey);
  assert.equal(keyFor(AUDIT, note, 'eve'), keyOf('eve').publicKey);
  assert.equal(keyFor(INBOX, change(1), 'ben'), keyOf('ben').publicKey);
  assert.is(keyFor(INBOX, change(1), 'oz'), undefined);
  assert.is(keyFor(VILLAGE, change(1), 'oz'), undefined);
  const law: Payload = { kind: 'village-create', name: 'x', constitution: constitution() };
  assert.equal(keyFor('village/other', law, 'ada'), keyOf('ada').publicKey);
  assert.is(keyFor('village/other', law, 'oz'), undefined);
});

test('a state is read back from its bytes, and from no others', () => {
  for (const [stream, state] of busyWorld().states) {
    const bytes = encodeStreamState(state);
    const back = decodeStreamState(bytes);
    assert.is(formatHex(encodeStreamState(back)), formatHex(bytes), stream);
    for (let end = 0; end < bytes.length; end += 7)
      assert.is(failure(() => decodeStreamState(bytes.subarray(0, end))).code, 'storage-corrupt');
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    assert.is(failure(() => decodeStreamState(longer)).code, 'storage-corrupt');
  }
});

test('a state with a bit changed is another state or none', () => {
  const state = busyWorld().village;
  const bytes = encodeStreamState(state);
  for (let at = 0; at < bytes.length; at++) {
    const spoiled = flip(bytes, at);
    try {
      assert.is(formatHex(encodeStreamState(decodeStreamState(spoiled))), formatHex(spoiled));
    } catch (error) {
      assert.ok(isLogError(error, 'storage-corrupt'), `byte ${at}: ${String(error)}`);
    }
  }
});

test('refusals become errors: wrong positions are conflicts, the rest is refused by a rule', () => {
  const world = foundedWorld();
  const refused = refusalError(world.refusal(VILLAGE, change(1), 'eve'), { index: 7 });
  assert.is(refused.code, 'statement-refused');
  assert.equal(
    [refused.detail['refusal'], refused.detail['rule'], refused.detail['index']],
    ['author-lacks-role', 'constitution.rules.policy.authors', 7],
  );
  const gap = world.offer(world.sign(VILLAGE, change(1), keyOf('ben'), { seq: 9 }));
  assert.is(gap.admitted ? '' : refusalError(gap.refusal).code, 'stream-conflict');
});

test('the digest of a state is that of its encoding', () => {
  const { village } = foundedWorld();
  assert.equal(streamStateDigest(village), sha256(encodeStreamState(village)));
});

test('a state with its lists in another order is none', () => {
  const { village } = foundedWorld();
  const value = decodeCbor(encodeStreamState(village));
  assert.ok(value instanceof CborMap);
  if (!(value instanceof CborMap)) return;
  const entries = value.entries.map(([name, item]) => {
    return [name, name === 'keys' && Array.isArray(item) ? item.toReversed() : item] as const;
  });
  const error = failure(() => decodeStreamState(encodeCbor(new CborMap(entries))));
  assert.is(error.code, 'storage-corrupt');
});

test.run();
