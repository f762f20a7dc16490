// Ten thousand lies of a server about a real log: a reader that follows a village believes none.

import { formatHex, utf8 } from '@writ/core/bytes';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { Payload } from '@writ/core/statements/kinds';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { throwDice } from '@writ/e2e/harness/dice';
import { LIES, type Lie } from '@writ/e2e/harness/malicious-server';
import type { CheckpointRecord } from '@writ/log-server/storage/port';
import { openEvidence } from '@writ/verifier/follow/evidence';
import { FollowError } from '@writ/verifier/follow/fault';
import { followVillage } from '@writ/verifier/follow/follow';
import type { Followed, SavedVillage } from '@writ/verifier/follow/reading';
import { openForkProof } from '@writ/verifier/fork-proof';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INBOX, LAW, LOG_KEY, POLICY_ID, STREAM, VILLAGE, Watched } from './watched-log.ts';

const LIE_COUNT = 10_000;
const STEPS = 7;
const PAGE_LIMIT = 6;
/** One pass in so many also checks the evidence file. */
const EVIDENCE_EVERY = 20;
const WITNESSES = [2, 3].map((seed) =>
  createSigner(`w${seed}.example`, 0x04, new Uint8Array(32).fill(seed)),
);
const policy = parsePolicy(
  utf8(
    [
      `log ${formatVkey(LOG_KEY)}`,
      ...WITNESSES.map((key, i) => `witness w${i} ${formatVkey(key)}`),
      'group both 2 w0 w1',
      'quorum both\n',
    ].join('\n'),
  ),
);

const test = suite('a malicious server');
const dice = throwDice('malicious server');
const publications: CheckpointRecord[] = [];
const answers = new Map<string, Uint8Array>();
/** What an honest reader remembers at each publication, and what the log means there. */
const snapshots: (SavedVillage | undefined)[] = [undefined];
const truths = new Set<string>();
let watched: Watched;

function change(version: number): Payload {
  const spec = utf8(formatCanonicalJson({ notes: `version ${version}` }));
  return { kind: 'policy-change', policy: POLICY_ID, version, spec };
}

async function add(name: string, stream: string, payload: Payload): Promise<void> {
  assert.ok(await watched.submit(name, stream, payload), `${payload.kind} of ${name}`);
}

/** One more step of the one history that is true. */
async function play(step: number): Promise<void> {
  const law = { ...LAW, rules: { ...LAW.rules, policy: LAW.rules.constitution } };
  if (step === 0) {
    await add('ada', STREAM, { kind: 'village-create', name: 'North', constitution: law });
    await add('ada', 'village/south', { kind: 'village-create', name: 'S', constitution: law });
    return;
  }
  await add('ben', STREAM, change(2 * step - 1));
  await add('ben', 'village/south', change(step));
  if (step === 2 || step === 4) await add('outsider', INBOX, change(100 + step));
  if (step === 3) await publish();
  await add('cid', STREAM, change(2 * step));
}

async function publish(): Promise<void> {
  watched.clock.nowMs += 60_000;
  await watched.service.publisher.publishNow();
  const record = watched.service.publisher.published;
  if (record === undefined) throw new Error('nothing was published');
  // The witnesses are the test's own.
  const { text, signatures } = parseNote(record.note);
  const now = BigInt(Math.floor(watched.clock.nowMs / 1000));
  const cosigned = WITNESSES.map((key) => signText(key, text, now));
  const note = formatNote({ text, signatures: [...signatures, ...cosigned] });
  publications.push({ ...record, note });
}

async function readAt(at: number, path: string): Promise<Uint8Array | undefined> {
  const name = `${at} ${path}`;
  const known = answers.get(name) ?? (await watched.read(path, publications[at]));
  if (known !== undefined) answers.set(name, known);
  return known;
}

function meaningOf({ state, inbox, checkpoint }: Followed): string {
  const parts = [state, inbox].map((part) =>
    part === null ? '' : formatHex(encodeStreamState(part)),
  );
  return [checkpoint.size, formatHex(checkpoint.root), ...parts].join(' ');
}

async function pass(
  saved: SavedVillage | undefined,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<Followed | FollowError> {
  let written = 0;
  const store = {
    load: () => Promise.resolve(saved),
    save: () => Promise.resolve(++written > 0),
  };
  const nowSeconds = (): bigint => BigInt(Math.floor(watched.clock.nowMs / 1000));
  try {
    const env = { read, nowSeconds };
    return await followVillage(env, store, policy, VILLAGE, { pageLimit: PAGE_LIMIT });
  } catch (error) {
    // Anything but a coded refusal is a fault of the reader.
    if (!(error instanceof FollowError)) throw error;
    assert.is(written, 0, 'a reader that refuses saves nothing');
    return error;
  }
}

test.before(async () => {
  watched = await Watched.start();
  for (let step = 0; step < STEPS; step++) {
    await play(step);
    await publish();
  }
  for (const at of publications.keys()) {
    const followed = await pass(undefined, (path) => readAt(at, path));
    if (followed instanceof FollowError) throw followed;
    snapshots.push(followed.next);
    truths.add(meaningOf(followed));
  }
  // Passes in steps of every width: more pages to lie with.
  for (const [from, saved] of snapshots.slice(0, -1).entries())
    for (let to = from; to < publications.length; to++)
      await pass(saved, (path) => readAt(to, path));
});

test.after(() => watched.service.close());

/** One pass in which the answer number `turn` is a lie. */
async function lied(
  lie: Lie,
): Promise<{ readonly outcome: Followed | FollowError; readonly isTold: boolean }> {
  const last = publications.length - 1;
  const from = dice.between(0, last);
  const to = dice.between(from, last);
  const turn = dice.between(0, 2);
  const all = [...answers.values()];
  let [count, isTold] = [0, false];
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    const honest = await readAt(to, path);
    if (honest === undefined || count++ !== turn) return honest;
    const other = all[dice.between(0, all.length - 1)] ?? honest;
    const told = lie.tell({ dice, honest, other });
    isTold = told !== undefined;
    return told ?? honest;
  };
  const outcome = await pass(snapshots[from], read);
  return { outcome, isTold };
}

function checkEvidence({ code, evidence }: FollowError): void {
  if (evidence === undefined) return;
  if (evidence.name.endsWith('.fork-proof')) openForkProof(evidence.bytes);
  else assert.is(openEvidence(evidence.bytes, policy).fault?.code, code);
}

test('is not believed in any of ten thousand lies', async () => {
  const refused = new Map<string, number>();
  let told = 0;
  for (let i = 0; told < LIE_COUNT; i++) {
    const lie = LIES[i % LIES.length];
    if (lie === undefined) throw new RangeError('no lies');
    const { outcome, isTold } = await lied(lie);
    if (!isTold) continue;
    told++;
    if (!(outcome instanceof FollowError)) {
      assert.ok(truths.has(meaningOf(outcome)), `lie ${i} was believed: ${lie.name}`);
      continue;
    }
    refused.set(lie.name, (refused.get(lie.name) ?? 0) + 1);
    const isExpected = lie.codes.length === 0 || lie.codes.includes(outcome.code);
    assert.ok(isExpected, `lie ${i}, ${lie.name}: ${outcome.code} ${outcome.message}`);
    if (i % EVIDENCE_EVERY === 0) checkEvidence(outcome);
  }
  for (const { name } of LIES)
    assert.ok((refused.get(name) ?? 0) > LIE_COUNT / 200, `${name} was hardly ever refused`);
  const total = [...refused.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(`${told} lies, ${total} refused, the others change nothing\n`);
});

test.run();
