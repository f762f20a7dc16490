// Private villages (spec/private-villages.md): what is sealed, who judges, and what is left for strangers.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import { signStatement } from '@writ/core/statements/statement';
import { indexValues, replay } from '@writ/core/streams/replay';
import { decodeStreamState, encodeStreamState } from '@writ/core/streams/state-codec';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PrivateWorld, privateWorld } from './private-world.ts';
import {
  AUDIT,
  change,
  constitution,
  foundedWorld,
  INBOX,
  inForce,
  keyOf,
  LOG_KEY,
  spec,
  VILLAGE,
} from './village-world.ts';

const test = suite('private villages');
const RULE = 'constitution.visibility';
const NODE = 'node/north-grid/ups-1';
const OPTIONS = { logKey: LOG_KEY.publicKey };

const amend = (fields: Parameters<typeof constitution>[0]): Payload => ({
  kind: 'constitution-amend',
  version: 2,
  constitution: constitution(fields),
  reason: 'why not',
});

/** A history with all that a private village does. */
function longWorld(): PrivateWorld {
  const world = privateWorld();
  world.seal(VILLAGE, change(1), 'ben');
  const proposal = world.seal(INBOX, change(2), 'oz');
  const digest = sha256(spec('version 2'));
  world.seal(VILLAGE, { kind: 'quarantine-approve', proposal, digest }, 'dot');
  world.seal(VILLAGE, { kind: 'approve', proposal }, 'cid');
  world.setTime(1_795_190_500);
  const refused = { stream: VILLAGE, statement: sha256(utf8('refused')) };
  world.seal(AUDIT, { kind: 'denial', ...refused, code: 'not-yet', rule: 'a.b' }, 'log');
  world.seal(AUDIT, { kind: 'note', text: 'seen' }, 'ada');
  return world;
}

test('are judged by the same rules, with their openings', () => {
  const world = longWorld();
  assert.is(inForce(world), 2);
  assert.is(world.whySealed(VILLAGE, change(2), 'ben'), 'version-wrong by village.policy-version');
  assert.is(world.whySealed(VILLAGE, change(3), 'oz'), 'author-not-member by constitution.members');
});

test('nothing of what they say is in the log', () => {
  const world = longWorld();
  const log = world.entries.map(({ bytes }) => formatHex(bytes)).join('');
  const words = ['North Grid', 'policy-change', 'approve', 'admin', 'version 1', 'seen', 'not-yet'];
  for (const word of words) assert.not.match(log, formatHex(utf8(word)));
  for (const { publicKey } of ['ben', 'cid', 'dot'].map(keyOf))
    assert.not.match(log, formatHex(publicKey));
});

test('statements of one stream have one length, whatever they say', () => {
  const world = privateWorld();
  world.seal(VILLAGE, change(1), 'ben');
  world.seal(VILLAGE, { kind: 'key-rotate', key: keyOf('ben 2').publicKey }, 'ben');
  const [, , policy, rotation] = world.entries;
  assert.is(policy?.bytes.length, rotation?.bytes.length);
});

test('take nothing in clear, on any of their streams', () => {
  const world = privateWorld();
  assert.is(world.why(VILLAGE, change(1), 'ben'), `not-sealed by ${RULE}`);
  assert.is(world.why(INBOX, change(1), 'oz'), `not-sealed by ${RULE}`);
  assert.is(world.why(AUDIT, { kind: 'note', text: 'x' }, 'ada'), `not-sealed by ${RULE}`);
  assert.is(
    world.why(VILLAGE, { kind: 'approve', proposal: sha256(utf8('')) }, 'oz'),
    `not-sealed by ${RULE}`,
  );
});

test('are sealed from the first statement on, and public ones never', () => {
  const world = privateWorld();
  const law = (visibility: 'public' | 'private'): Payload => ({
    kind: 'village-create',
    name: 'Other',
    constitution: constitution({ visibility }),
  });
  assert.is(world.why('village/other', law('private'), 'ada'), `not-sealed by ${RULE}`);
  assert.is(world.whySealed('village/other', law('public'), 'ada'), `sealed-in-public by ${RULE}`);
  const open = foundedWorld();
  for (const [id, state] of open.states) if (id !== 'log') world.states.set(`${id}-2`, state);
  const stream = `${VILLAGE}-2`;
  assert.is(world.whySealed(stream, change(1), 'ben'), `sealed-in-public by ${RULE}`);
  assert.is(
    world.whySealed('audit/nobody', { kind: 'note', text: 'x' }, 'ada'),
    `sealed-in-public by ${RULE}`,
  );
});

test('stay private, as public ones stay public', () => {
  const world = privateWorld();
  assert.is(world.whySealed(VILLAGE, amend({}), 'ada'), `visibility-fixed by ${RULE}`);
  world.seal(VILLAGE, amend({ visibility: 'private', recordDenials: false }), 'ada');
  const open = foundedWorld();
  assert.is(
    open.why(VILLAGE, amend({ visibility: 'private' }), 'ada'),
    `visibility-fixed by ${RULE}`,
  );
});

test('a wrong position is named before a wrong dress', () => {
  const world = privateWorld();
  const late = world.sign(VILLAGE, change(1), keyOf('ben'), { seq: 5 });
  const outcome = world.offer(late);
  assert.is(outcome.admitted ? 'admitted' : outcome.refusal.code, 'position-wrong');
});

test('who follows them cannot go on without an opening', () => {
  const world = privateWorld();
  assert.is(world.whySealed(VILLAGE, change(1), 'ben', false), `opening-missing by ${RULE}`);
  assert.is(world.whySealed(INBOX, change(1), 'oz', false), `opening-missing by ${RULE}`);
});

test('a replay with openings reaches the very states of the log', () => {
  const world = longWorld();
  const authorKey = () => keyOf('oz').publicKey;
  const replayed = replay(world.entries, { ...OPTIONS, opening: world.find, authorKey });
  assert.is(replayed.notJudged, 0);
  assert.is(replayed.unchecked, 0);
  for (const [stream, state] of world.states) {
    const got = replayed.states.get(stream);
    assert.ok(
      got !== undefined &&
        formatHex(encodeStreamState(got)) === formatHex(encodeStreamState(state)),
      stream,
    );
  }
});

test('a replay without openings follows positions, and its stream index is the same', () => {
  const world = longWorld();
  const replayed = replay(world.entries, OPTIONS);
  assert.is(replayed.notJudged, world.openings.size);
  assert.is(replayed.unchecked, 0);
  assert.is(
    formatHex(buildIndexRoot(indexValues(replayed.states))),
    formatHex(buildIndexRoot(indexValues(world.states))),
  );
  for (const stream of [VILLAGE, INBOX, AUDIT]) {
    const state = replayed.states.get(stream);
    if (state === undefined) return assert.unreachable();
    assert.is(state.family, 'hidden');
    assert.equal(decodeStreamState(encodeStreamState(state)), state);
  }
});

test('a replay without openings still finds gaps, and statements in clear', () => {
  const world = longWorld();
  const offer = (bytes: Uint8Array): string => {
    const entries = [...world.entries, { index: world.entries.length, bytes }];
    try {
      replay(entries, OPTIONS);
    } catch (error) {
      return String(error);
    }
    return 'taken';
  };
  assert.match(offer(world.sign(VILLAGE, change(9), keyOf('ben'))), 'has to be sealed');
  assert.match(
    offer(world.sign(NODE, { kind: 'note', text: 'x' } as Payload, keyOf('ben'))),
    'no place',
  );
  const { bytes } = privateWorld().sealed(VILLAGE, change(9), 'ben');
  assert.match(offer(bytes), 'seq');
  assert.is(offer(world.sealed(VILLAGE, change(9), 'mallory').bytes), 'taken');
});

test('a sealed statement claims neither an issuer nor a time', () => {
  const world = privateWorld();
  const payload = encodePayload({ kind: 'sealed', commitment: sha256(utf8('x')) });
  const head = world.states.get(VILLAGE)?.head;
  const fields = { kind: 'sealed', stream: VILLAGE, seq: 1, previous: head?.id ?? null, payload };
  const offer = (claims: { issuer: string; issuedAtSeconds: number }) => () =>
    world.offer(signStatement({ ...fields, ...claims }, keyOf('ben')));
  assert.throws(offer({ issuer: 'ben', issuedAtSeconds: 0 }), /issuer/);
  assert.throws(offer({ issuer: '-', issuedAtSeconds: 1_795_190_400 }), /issued at/);
});

test.run();
