import { utf8 } from '@writ/core/bytes';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { formatVkey } from '@writ/core/formats/key';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { openCheckpoint, VerifiedCheckpoint } from '@writ/verifier/checkpoint';
import { Trace } from '@writ/verifier/trace';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  failsWith,
  logSigner,
  noQuorumText,
  ORIGIN,
  policy,
  SIGNED_AT,
  SmallLog,
  signer,
  someEntries,
  witnessSigners,
} from './world.ts';

const test = suite('openCheckpoint');
const log = new SmallLog(someEntries(5));
const [w1, w2, w3] = witnessSigners as [typeof logSigner, typeof logSigner, typeof logSigner];

test('opens a checkpoint that the log and a quorum of both signature types signed', () => {
  const opened = openCheckpoint(log.note(5n, { signers: [logSigner, w1, w3] }), policy);
  assert.is(opened.origin, ORIGIN);
  assert.is(opened.size, 5n);
  assert.equal(opened.root, log.root());
  assert.equal(
    opened.cosignatures.map(({ witness }) => witness),
    ['w1', 'w3'],
  );
  assert.is(opened.cosignatures[0]?.timestampSeconds, SIGNED_AT);
});

test('refuses a checkpoint of a log that the policy does not list', async () => {
  const other = new SmallLog(someEntries(5), 'other.example/log');
  await failsWith(() => openCheckpoint(other.note(), policy), 'origin-unknown');
});

test('refuses a checkpoint that only witnesses signed', async () => {
  await failsWith(
    () => openCheckpoint(log.note(5n, { signers: [w1, w2, w3] }), policy),
    'note-unverified',
  );
});

test('refuses a signature of the log under its own key ID over another tree', async () => {
  const [mine, theirs] = [log.note(4n), log.note(5n)].map((note) =>
    new TextDecoder().decode(note).split('\n\n'),
  );
  const mixed = utf8(`${mine?.[0]}\n\n${theirs?.[1]}`);
  await failsWith(() => openCheckpoint(mixed, policy), 'note-bad-signature');
});

test('refuses one cosignature where the quorum is two, also when it is there twice', async () => {
  const once = log.note(5n, { signers: [logSigner, w1] });
  await failsWith(() => openCheckpoint(once, policy), 'quorum-not-met');
  const twice = log.note(5n, { signers: [logSigner, w1, w1] });
  await failsWith(() => openCheckpoint(twice, policy), 'quorum-not-met');
});

test('does not count a witness that the policy does not list', async () => {
  const stranger = signer('w9.example', 4, 99);
  const note = log.note(5n, { signers: [logSigner, w1, stranger] });
  await failsWith(() => openCheckpoint(note, policy), 'quorum-not-met');
});

test('does not take a note signature of a witness name for its cosignature', async () => {
  const plain = signer('w2.example', 1, 12);
  const note = log.note(5n, { signers: [logSigner, w1, plain] });
  await failsWith(() => openCheckpoint(note, policy), 'quorum-not-met');
});

test('needs no witness under a policy without a quorum', () => {
  const open = parsePolicy(utf8(noQuorumText));
  assert.is(openCheckpoint(log.note(5n, { signers: [logSigner] }), open).size, 5n);
});

test('takes a checkpoint as fresh only while a whole quorum is', async () => {
  const note = log.note();
  const at = (nowSeconds: bigint): VerifiedCheckpoint =>
    openCheckpoint(note, policy, { nowSeconds, maxAgeSeconds: 60n });
  assert.is(at(SIGNED_AT + 60n).size, 5n);
  await failsWith(() => at(SIGNED_AT + 61n), 'checkpoint-stale');
  await failsWith(() => at(SIGNED_AT - 301n), 'checkpoint-stale');
});

test('lets one young cosignature not make an old checkpoint fresh', async () => {
  const root = log.root();
  const text = formatCheckpoint({ origin: ORIGIN, size: 5n, root, extensions: [] });
  const note = formatNote({
    text,
    signatures: [
      signText(logSigner, text, 0n),
      signText(w1, text, SIGNED_AT),
      signText(w2, text, SIGNED_AT - 1000n),
    ],
  });
  const options = { nowSeconds: SIGNED_AT, maxAgeSeconds: 60n };
  assert.is(openCheckpoint(note, policy).size, 5n);
  await failsWith(() => openCheckpoint(note, policy, options), 'checkpoint-stale');
});

test('finds no freshness where no witness says when', async () => {
  const open = parsePolicy(utf8(noQuorumText));
  const options = { nowSeconds: SIGNED_AT, maxAgeSeconds: 60n };
  const note = log.note(5n, { signers: [logSigner] });
  await failsWith(() => openCheckpoint(note, open, options), 'checkpoint-stale');
});

test('refuses a root that a tree without leaves cannot have', async () => {
  const text = formatCheckpoint({ origin: ORIGIN, size: 0n, root: log.root(), extensions: [] });
  const note = formatNote({ text, signatures: [signText(logSigner, text, 0n)] });
  await failsWith(() => openCheckpoint(note, policy), 'checkpoint-malformed');
});

test('gives copies, so that nobody changes what was verified', () => {
  const note = log.note();
  const opened = openCheckpoint(note, policy);
  note.fill(0);
  opened.root.fill(0);
  opened.note.fill(0);
  assert.equal(opened.root, log.root());
  assert.equal(opened.note, log.note());
  assert.throws(() => Object.assign(opened, { size: 6n }), TypeError);
});

test('makes a VerifiedCheckpoint in no other way', () => {
  const forge: unknown = VerifiedCheckpoint;
  const make = forge as new (...parts: unknown[]) => unknown;
  assert.throws(() => new make(Symbol('verified checkpoint'), {}), /openCheckpoint alone/);
});

test('records every step, and the one that fails with its code', async () => {
  const good = new Trace();
  openCheckpoint(log.note(), policy, { trace: good });
  assert.equal(
    good.steps.map(({ name, ok }) => `${name} ${ok}`),
    ['checkpoint format true', 'origin true', 'log signature true', 'cosignatures true'],
  );
  const bad = new Trace();
  const note = log.note(5n, { signers: [logSigner] });
  await failsWith(() => openCheckpoint(note, policy, { trace: bad }), 'quorum-not-met');
  const last = bad.steps.at(-1);
  assert.is(last?.ok, false);
  assert.is(last?.code, 'quorum-not-met');
  assert.is(last?.expected, '2 of (w1, w2, w3)');
  assert.equal(Object.keys(last ?? {}).sort(), Object.keys(good.steps[0] ?? {}).sort());
});

test('accepts a log that signs with a second, ML-DSA-44 key under its name', () => {
  const second = signer(ORIGIN, 6, 2);
  const both = parsePolicy(utf8(`log ${formatVkey(second)}\n${noQuorumText}`));
  const note = log.note(5n, { signers: [second] });
  assert.equal(
    openCheckpoint(note, both).logKeys.map(({ id }) => id),
    [second.id],
  );
});

test('a signature that verified once is not taken for another text, and no other for it', async () => {
  const judged = parsePolicy(utf8(noQuorumText));
  let count = 0;
  const [line] = judged.logs;
  if (line === undefined) return assert.unreachable('the policy has a log');
  const counting = {
    ...line.key,
    verifyRaw: (message: Uint8Array, signature: Uint8Array): boolean => {
      count++;
      return line.key.verifyRaw(message, signature);
    },
  };
  const counted = { ...judged, logs: [{ ...line, key: counting }] };
  const note = log.note(5n, { signers: [logSigner] });
  for (let i = 0; i < 3; i++) assert.is(openCheckpoint(note, counted).size, 5n);
  assert.is(count, 1, 'proofs under one checkpoint need one verification');
  const other = log.note(4n, { signers: [logSigner] });
  const [[text = ''], [, signatures = '']] = [other, note].map((bytes) =>
    new TextDecoder().decode(bytes).split('\n\n'),
  ) as [string[], string[]];
  for (let i = 0; i < 2; i++)
    await failsWith(
      () => openCheckpoint(utf8(`${text}\n\n${signatures}`), counted),
      'note-bad-signature',
    );
  assert.is(count, 3, 'what did not verify is verified again');
  const { text: signed, signatures: lines } = parseNote(note);
  const forged = lines.map((one) => ({
    ...one,
    bytes: one.bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
  }));
  await failsWith(
    () => openCheckpoint(formatNote({ text: signed, signatures: forged }), counted),
    'note-bad-signature',
  );
});

test('what other policies saw verified does not count', async () => {
  const note = log.note(5n, { signers: [logSigner] });
  openCheckpoint(note, parsePolicy(utf8(noQuorumText)));
  const refusing = parsePolicy(utf8(noQuorumText));
  const logs = refusing.logs.map((line) => ({
    ...line,
    key: { ...line.key, verifyRaw: () => false },
  }));
  await failsWith(() => openCheckpoint(note, { ...refusing, logs }), 'note-bad-signature');
});

test.run();
