// Cosignatures of C2SP tlog-cosignature, both types.

import { concatBytes, MAX_UINT63, readUint64, uint64, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import {
  checkSignature,
  checkSignatureAsync,
  openNote,
  openNoteAsync,
  signText,
  signTextAsync,
  timestampOf,
} from '@writ/core/formats/cosignature';
import { verifierOf } from '@writ/core/formats/key';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LOG_KEY,
  LOG_SIGNER,
  POST_QUANTUM_KEY,
  POST_QUANTUM_SIGNER,
  signerFor,
  WITNESS_KEY,
  WITNESS_SIGNER,
} from './keyring.ts';
import { mutantsOf } from './mutants.ts';

const test = suite('cosignatures');
const ROOT = new Uint8Array(32).fill(3);
const CHECKPOINT = { origin: 'log.example', size: 21n, root: ROOT, extensions: [] };
const TEXT = formatCheckpoint(CHECKPOINT);
const TIME = 1_767_225_600n;

test('type 0x04 signs the header, the time and the whole text', () => {
  const { bytes } = signText(WITNESS_SIGNER, TEXT, TIME);
  assert.is(readUint64(bytes, 0), TIME);
  const message = utf8(`cosignature/v1\ntime ${TIME}\n${TEXT}`);
  assert.ok(WITNESS_KEY.verifyRaw(message, bytes.subarray(8)));
});

test('type 0x06 signs the structure of the specification', () => {
  const { bytes } = signText(POST_QUANTUM_SIGNER, TEXT, TIME);
  const { name } = POST_QUANTUM_SIGNER;
  const message = concatBytes(
    utf8('subtree/v1\n\0'),
    Uint8Array.of(name.length),
    utf8(name),
    uint64(TIME),
    Uint8Array.of(CHECKPOINT.origin.length),
    utf8(CHECKPOINT.origin),
    uint64(0n),
    uint64(CHECKPOINT.size),
    ROOT,
  );
  assert.is(bytes.length, 8 + 2420);
  assert.ok(POST_QUANTUM_KEY.verifyRaw(message, bytes.subarray(8)));
});

test('the time of a verified cosignature comes back exactly, that of a log signature is 0', () => {
  const signatures = [
    signText(LOG_SIGNER, TEXT, TIME),
    signText(WITNESS_SIGNER, TEXT, MAX_UINT63),
    signText(POST_QUANTUM_SIGNER, TEXT, TIME),
  ];
  const keys = [LOG_KEY, WITNESS_KEY, POST_QUANTUM_KEY];
  const verified = openNote({ text: TEXT, signatures }, keys);
  assert.equal(verified.map(timestampOf), [0n, MAX_UINT63, TIME]);
});

test('every time from 0 to 2^63-1 can be signed and no other', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, MAX_UINT63), (time) => {
      const { bytes } = signText(WITNESS_SIGNER, TEXT, time);
      return checkSignature(WITNESS_KEY, TEXT, bytes) && readUint64(bytes, 0) === time;
    }),
    { numRuns: 30 },
  );
  for (const time of [-1n, MAX_UINT63 + 1n]) {
    assert.throws(() => signText(WITNESS_SIGNER, TEXT, time), RangeError);
  }
});

test('no mutant of an Ed25519 cosignature verifies', () => {
  const { bytes } = signText(WITNESS_SIGNER, TEXT, TIME);
  for (const mutant of mutantsOf(bytes)) assert.not(checkSignature(WITNESS_KEY, TEXT, mutant));
});

test('no mutant of an ML-DSA-44 cosignature verifies, in a sample', () => {
  const { bytes } = signText(POST_QUANTUM_SIGNER, TEXT, TIME);
  const mutants = [...mutantsOf(bytes)].filter((_, i) => i % 211 === 0);
  assert.ok(mutants.length > 50);
  for (const mutant of mutants) assert.not(checkSignature(POST_QUANTUM_KEY, TEXT, mutant));
});

test('signatures of one type are not accepted for another', () => {
  const plain = signText(LOG_SIGNER, TEXT, TIME).bytes;
  const witness = signText(WITNESS_SIGNER, TEXT, TIME).bytes;
  assert.not(checkSignature(LOG_KEY, TEXT, witness));
  assert.not(checkSignature(WITNESS_KEY, TEXT, plain));
  assert.not(checkSignature(WITNESS_KEY, TEXT, concatBytes(uint64(TIME), plain)));
  assert.not(checkSignature(POST_QUANTUM_KEY, TEXT, witness));
});

test('extension lines are covered by type 0x04 and not by type 0x06', () => {
  const extended = formatCheckpoint({ ...CHECKPOINT, extensions: ['more'] });
  const witness = signText(WITNESS_SIGNER, TEXT, TIME).bytes;
  assert.not(checkSignature(WITNESS_KEY, extended, witness));
  const postQuantum = signText(POST_QUANTUM_SIGNER, TEXT, TIME).bytes;
  assert.ok(checkSignature(POST_QUANTUM_KEY, extended, postQuantum));
});

test('type 0x06 has no signature on what is no checkpoint or has a name too long', () => {
  const { bytes } = signText(POST_QUANTUM_SIGNER, TEXT, TIME);
  assert.not(checkSignature(POST_QUANTUM_KEY, 'no checkpoint\n', bytes));
  const long = formatCheckpoint({ ...CHECKPOINT, origin: 'x'.repeat(256) });
  assert.not(checkSignature(POST_QUANTUM_KEY, long, bytes));
  const isMalformed = (error: unknown): boolean => isLogError(error, 'cosignature-malformed');
  assert.throws(() => signText(POST_QUANTUM_SIGNER, long, TIME), isMalformed);
});

test('the same key under another name or of another type has another key ID', () => {
  const ids = [signerFor('a', 1), signerFor('b', 1), signerFor('a', 4)].map(({ id }) => id);
  assert.is(new Set(ids).size, 3);
  assert.is(verifierOf(signerFor('a', 4)).id, ids[2]);
});

test('the thread pool signs the same bytes and gives the same verdicts', async () => {
  for (const [signer, key] of [
    [LOG_SIGNER, LOG_KEY],
    [WITNESS_SIGNER, WITNESS_KEY],
    [POST_QUANTUM_SIGNER, POST_QUANTUM_KEY],
  ] as const) {
    const line = signText(signer, TEXT, TIME);
    const inPool = await signTextAsync(signer, TEXT, TIME);
    // ML-DSA-44 signatures need not be the same twice.
    if (signer !== POST_QUANTUM_SIGNER) assert.equal(inPool, line);
    assert.ok(checkSignature(key, TEXT, inPool.bytes));
    assert.ok(await checkSignatureAsync(key, TEXT, line.bytes));
    const mutants = [...mutantsOf(line.bytes)].filter((_, i, all) => i % (all.length >> 6) === 0);
    assert.ok(mutants.length > 50);
    for (const mutant of mutants) assert.not(await checkSignatureAsync(key, TEXT, mutant));
  }
  const outOfRange = await signTextAsync(WITNESS_SIGNER, TEXT, -1n).catch((error) => error);
  assert.instance(outOfRange, RangeError);
});

test('a note opens in the thread pool as it does here, or is refused with the same error', async () => {
  const good = signText(LOG_SIGNER, TEXT, TIME);
  const bad = { ...good, bytes: good.bytes.map((byte) => byte ^ 1) };
  const witness = signText(WITNESS_SIGNER, TEXT, TIME);
  const keys = [LOG_KEY, WITNESS_KEY];
  for (const signatures of [
    [good],
    [witness, good, witness],
    [good, bad],
    [witness, bad, good],
    [signText(POST_QUANTUM_SIGNER, TEXT, TIME)],
  ]) {
    const note = { text: TEXT, signatures };
    const inPool = await openNoteAsync(note, keys).catch((error: unknown) => error);
    try {
      assert.equal(inPool, openNote(note, keys));
    } catch (error) {
      if (!isLogError(error) || !isLogError(inPool)) throw error;
      assert.equal([inPool.code, inPool.detail], [error.code, error.detail]);
    }
  }
});

test('nothing is verified after a line that does not verify', async () => {
  const good = signText(LOG_SIGNER, TEXT, TIME);
  const bad = { ...good, bytes: good.bytes.map((byte) => byte ^ 1) };
  let count = 0;
  const counting = {
    ...LOG_KEY,
    verifyRawAsync: (...parts: Parameters<typeof LOG_KEY.verifyRawAsync>): Promise<boolean> => {
      count++;
      return LOG_KEY.verifyRawAsync(...parts);
    },
  };
  const note = { text: TEXT, signatures: [good, bad, good, good] };
  const refused = await openNoteAsync(note, [counting]).catch((error: unknown) => error);
  assert.ok(isLogError(refused, 'note-bad-signature'));
  assert.is(count, 2);
});

test.run();
