import { concatBytes, utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodeStatement } from '@writ/core/statements/statement';
import { encodeStreamProof } from '@writ/core/streams/stream-proof';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { openStateRoot } from '@writ/verifier/state-root';
import { continueStream, openStreamProof, type VerifiedStream } from '@writ/verifier/stream';
import { Trace } from '@writ/verifier/trace';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  author,
  type ProofFields,
  ROOT_TIME,
  type RootFields,
  StatementLog,
  smallStatementLog,
} from './statement-world.ts';
import {
  failsWith,
  logSigner,
  noQuorumText,
  policy,
  SIGNED_AT,
  signer,
  witnessSigners,
} from './world.ts';

const test = suite('stream proofs');
const log = smallStatementLog();

function open(stream: string, fields: ProofFields = {}): VerifiedStream {
  return openStreamProof(log.proofFile(stream, fields), policy, { stream });
}

test('show every statement of a stream from the first to the head', () => {
  const stream = open('audit/b');
  assert.is(stream.statements.length, 5);
  assert.is(stream.head?.seq, 4);
  assert.is(stream.head?.leafIndex, 10);
  assert.ok(stream.isComplete);
  assert.is(stream.stateRoot.timeSeconds, ROOT_TIME);
  assert.is(stream.stateRoot.streams, 4);
  assert.equal(
    stream.statements.map(({ seq }) => seq),
    [0, 1, 2, 3, 4],
  );
});

test('show that there is no such stream', () => {
  const stream = open('audit/nobody');
  assert.is(stream.head, null);
  assert.equal(stream.statements, []);
  assert.ok(stream.isComplete);
  assert.is(open('audit/c', { size: 4 }).head, null, 'not yet there in an earlier tree');
});

test('prove any page, and say when there is more', () => {
  for (let from = 0; from <= 5; from++)
    for (let limit = 1; limit <= 6 - from; limit++) {
      const page = open('audit/b', { from, limit });
      assert.is(page.from, from);
      assert.is(page.next, Math.min(5, from + limit));
      assert.is(page.isComplete, from + limit >= 5);
    }
});

test('join pages, also those of growing trees', () => {
  const whole = open('audit/b');
  const early = open('audit/b', { size: 4 });
  assert.is(early.next, 2);
  let joined = early;
  for (const size of [8, 12]) {
    while (true) {
      const page = open('audit/b', { from: joined.next, limit: 1, size });
      joined = continueStream(joined, page);
      if (joined.isComplete) break;
    }
  }
  assert.equal(joined.statements, whole.statements);
  assert.is(joined.checkpoint.size, 12n);
  assert.equal(joined.heads, []);
  const absent = open('audit/c', { size: 4 });
  assert.is(continueStream(absent, open('audit/c')).next, 1);
  const nothingNew = continueStream(whole, open('audit/b', { from: 5 }));
  assert.equal(nothingNew.statements, whole.statements);
});

test('are about the stream that was asked for', async () => {
  const bytes = log.proofFile('audit/b');
  await failsWith(
    () => openStreamProof(bytes, policy, { stream: 'audit/a' }),
    'index-proof-failed',
  );
});

test('tell the story step by step', () => {
  const trace = new Trace();
  openStreamProof(log.proofFile('audit/b', { limit: 2 }), policy, { trace });
  const names = trace.steps.map(({ name }) => name).filter((name) => !name.startsWith('path'));
  assert.equal(names, [
    'stream proof format',
    'checkpoint format',
    'origin',
    'log signature',
    'cosignatures',
    'leaf hash',
    'inclusion',
    'state root',
    'stream index',
    'statements',
    'leaf hash',
    'inclusion',
  ]);
});

test('cannot leave a statement out, change their order or put in one of another stream', async () => {
  const good = log.proof('audit/b');
  const [e0, e1, e2, e3, e4] = good.entries;
  const other = log.proof('audit/a').entries[2];
  if (!e0 || !e1 || !e2 || !e3 || !e4 || !other) return assert.unreachable();
  for (const entries of [
    [e1, e0, e2, e3, e4],
    [e0, e1, e1, e3, e4],
    [e0, e1, other, e3, e4],
    [e0, e1, e2, e3, e3],
  ])
    await failsWith(
      () => openStreamProof(encodeStreamProof({ ...good, entries }), policy),
      'stream-incomplete',
    );
  const entries = [e0, e1, e2, e3, e4.with(e4.length - 1, (e4.at(-1) ?? 0) ^ 1)];
  await failsWith(
    () => openStreamProof(encodeStreamProof({ ...good, entries }), policy),
    'stream-incomplete',
  );
  const junk = [e0, e1, e2, e3, Uint8Array.of(1)];
  const error = await failsWith(
    () => openStreamProof(encodeStreamProof({ ...good, entries: junk }), policy),
    'statement-malformed',
  );
  assert.is(error.detail['seq'], 4);
});

test('cannot show an older head, a head of another stream, or absence of what is there', async () => {
  const good = log.proof('audit/b');
  const older = log.proof('audit/b', { size: 8 });
  const swapped = { ...good, head: older.head, entries: older.entries };
  await failsWith(() => openStreamProof(encodeStreamProof(swapped), policy), 'index-proof-failed');
  const old = { ...swapped, indexProof: older.indexProof };
  await failsWith(() => openStreamProof(encodeStreamProof(old), policy), 'index-proof-failed');
  const otherProof = { ...good, indexProof: log.proof('audit/a').indexProof };
  await failsWith(
    () => openStreamProof(encodeStreamProof(otherProof), policy),
    'index-proof-failed',
  );
  const { indexProof } = log.proof('audit/nobody');
  const hidden = { ...good, indexProof, head: null, entries: [] };
  await failsWith(() => openStreamProof(encodeStreamProof(hidden), policy), 'index-proof-failed');
});

test('cannot end a page with a statement that is not in the log', async () => {
  const page = log.proof('audit/b', { limit: 2 });
  if (page.tail === null) return assert.unreachable();
  const moved = { ...page, tail: { ...page.tail, leafIndex: page.tail.leafIndex + 1 } };
  await failsWith(() => openStreamProof(encodeStreamProof(moved), policy), 'inclusion-failed');
  const short = { ...page, tail: { ...page.tail, proof: page.tail.proof.slice(1) } };
  await failsWith(() => openStreamProof(encodeStreamProof(short), policy), 'inclusion-failed');
});

test('pages that do not belong together are not joined', async () => {
  const join = (a: VerifiedStream, b: VerifiedStream) => () => continueStream(a, b);
  const first = open('audit/b', { limit: 2 });
  await failsWith(join(first, open('audit/b', { from: 3 })), 'stream-incomplete');
  await failsWith(join(first, open('audit/b', { from: 1 })), 'stream-incomplete');
  await failsWith(join(first, open('audit/a', { from: 2 })), 'stream-incomplete');
  const older = open('audit/b', { from: 2, size: 8 });
  await failsWith(join(first, older), 'checkpoint-rolled-back');
});

test('pages of a log that rewrote a stream between them are not joined', async () => {
  const rewritten = new StatementLog();
  for (const name of 'abb') rewritten.note(name);
  rewritten.stateRoot();
  for (const name of 'bbbb') rewritten.note(name, 'not what it was');
  rewritten.stateRoot();
  const page = (from: number, limit: number): VerifiedStream =>
    openStreamProof(rewritten.proofFile('audit/b', { from, limit }), policy);
  const honest = open('audit/b', { size: 8, limit: 2 });
  assert.is(honest.head?.seq, 2);
  await failsWith(() => continueStream(honest, page(2, 2)), 'stream-incomplete');
  const whole = open('audit/b', { size: 8 });
  await failsWith(() => continueStream(whole, page(3, 1)), 'stream-incomplete');
  // The head seen first is remembered until the statements reach it.
  const start = open('audit/b', { size: 8, limit: 1 });
  const middle = continueStream(start, page(1, 1));
  assert.is(middle.heads.length, 2);
  await failsWith(() => continueStream(middle, page(2, 1)), 'stream-incomplete');
});

test('need a checkpoint that the trust policy accepts', async () => {
  const alone = log.proofFile('audit/b', { signing: { signers: [witnessSigners[0] ?? author] } });
  await failsWith(() => openStreamProof(alone, policy), 'note-unverified');
});

/** The code and reason for a tree that ends with this state root. */
async function reasonFor(fields: RootFields, at?: bigint): Promise<unknown> {
  const bad = new StatementLog();
  bad.note('a');
  bad.stateRoot(fields);
  const signing = at === undefined ? {} : { timestampSeconds: at };
  const bytes = bad.proofFile('audit/a', { signing });
  const error = await failsWith(() => openStreamProof(bytes, policy), 'state-root-invalid');
  return error.detail['reason'];
}

test('need a state root by the log for exactly this tree and time', async () => {
  assert.is(await reasonFor({ payload: { size: 0 } }), 'size');
  assert.is(await reasonFor({ payload: { size: 2 } }), 'size');
  assert.is(await reasonFor({ signer: author }), 'key');
  assert.is(await reasonFor({ signer: signer('log.example/test', 1, 5) }), 'key');
  assert.is(await reasonFor({ payload: { timeSeconds: Number(SIGNED_AT) + 301 } }), 'time');
  assert.is(await reasonFor({ payload: { timeSeconds: Number(SIGNED_AT) - 86_401 } }), 'age');
  assert.is(await reasonFor({}, SIGNED_AT + 90_000n), 'age');
});

test('accept a state root up to the limits of the clocks', () => {
  for (const seconds of [Number(SIGNED_AT) + 300, Number(SIGNED_AT) - 86_400]) {
    const edge = new StatementLog();
    edge.note('a');
    edge.stateRoot({ payload: { timeSeconds: seconds } });
    assert.is(openStreamProof(edge.proofFile('audit/a'), policy).head?.seq, 0);
  }
});

test('are refused for a tree that ends with something else', async () => {
  const ends = new StatementLog();
  ends.note('a');
  ends.stateRoot();
  ends.note('a');
  const bytes = ends.proofFile('audit/a');
  const error = await failsWith(() => openStreamProof(bytes, policy), 'state-root-invalid');
  assert.is(error.detail['reason'], 'form');
  const honest = log.proof('audit/b');
  const elsewhere = { ...honest, stateRoot: log.entries[7] ?? new Uint8Array(0) };
  await failsWith(() => openStreamProof(encodeStreamProof(elsewhere), policy), 'inclusion-failed');
});

test('are refused when the signature of the state root is another one', async () => {
  const forged = new StatementLog();
  forged.note('a');
  const { bytes } = new StatementLog().stateRoot.call(forged);
  forged.entries.pop();
  forged.statements.pop();
  forged.push(bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
  const error = await failsWith(
    () => openStreamProof(forged.proofFile('audit/a'), policy),
    'state-root-invalid',
  );
  assert.is(error.detail['reason'], 'signature');
});

test('a tree without entries has no state root', async () => {
  const empty = openCheckpoint(new StatementLog().tree().note(), policy);
  const error = await failsWith(
    () => openStateRoot(empty, new Uint8Array(1), [], policy),
    'state-root-invalid',
  );
  assert.is(error.detail['reason'], 'form');
});

test('no flipped bit, shorter or longer file says anything else', () => {
  const good = log.proofFile('audit/a', { limit: 2, signing: { signers: [logSigner] } });
  // Without witnesses: the signature of the log alone is what keeps the tree.
  const logOnly = parsePolicy(utf8(noQuorumText));
  const truth = openStreamProof(good, logOnly);
  const statements = truth.statements.map(({ id }) => id);
  const mutants: Uint8Array[] = [good.slice(0, -1), concatBytes(good, Uint8Array.of(0))];
  for (let at = 0; at < good.length; at++)
    mutants.push(good.with(at, (good[at] ?? 0) ^ (1 << (at % 8))));
  let refused = 0;
  for (const mutant of mutants) {
    try {
      const read = openStreamProof(mutant, logOnly);
      // A signature line that nobody asked for may say anything.
      assert.equal(
        read.statements.map(({ id }) => id),
        statements,
      );
      assert.equal(read.head, truth.head);
    } catch (error) {
      assert.ok(error instanceof Error && error.name === 'LogError', String(error));
      refused++;
    }
  }
  assert.ok(refused > mutants.length * 0.9);
});

test('the statements are copies', () => {
  const bytes = log.proofFile('audit/a');
  const stream = openStreamProof(bytes, policy);
  const before = stream.statements.map(({ id }) => id);
  bytes.fill(0);
  assert.equal(
    stream.statements.map((statement) => decodeStatement(statement.bytes).id),
    before,
  );
  assert.equal(stream.head?.statementId, before.at(-1));
});

test.run();
