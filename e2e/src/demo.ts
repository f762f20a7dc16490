#!/usr/bin/env node
// The main job on real input, start to end, in a temporary folder: sign the policies in examples/, submit them,
// wait for three cosignatures, export proofs, verify them without a network, tamper, audit the whole log.
// Ends with 0 only if every step came out as it should.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { concatBytes, formatBase64, formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { createSigner, type SignerKey } from '@writ/core/formats/key';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { formatTlogProof, parseTlogProof, type TlogProof } from '@writ/core/formats/tlog-proof';
import { decodeStatement } from '@writ/core/statements/statement';
import { ensureHome, type Home, homeAt } from './home.ts';
import { startInstance } from './instance.ts';
import { offlineVerifier, type Verify } from './offline.ts';
import {
  type PolicyVersion,
  policyId,
  readAuthorKey,
  readPolicySpec,
  signPolicyChange,
} from './policies.ts';
import { freePorts } from './ports.ts';
import { COMMANDS, runCommand } from './processes.ts';
import { Story } from './story.ts';
import { LogClient } from './submission.ts';
import { reasonOf, say } from './talk.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const STREAM = 'village/north-quay';
/** This many go one by one, each waiting for its proof; the others in one batch. */
const SINGLE = 3;
const WAIT_SECONDS = 20;
const PUBLISH_TIMEOUT_MS = 20_000;
const POLL_MS = 100;
const CHECKPOINT_INTERVAL_MS = 500;

const EXIT_FAILED = 1;
const REFUSED_PROOF = 1;
const REFUSED_QUORUM = 3;

/** A policy on its way: signed, then logged, then proved. */
interface Logged {
  readonly name: string;
  readonly statement: Uint8Array;
  readonly index: number;
}

/** The same with its proof, as files that need nothing else. */
interface Exported extends Logged {
  readonly proof: TlogProof;
  readonly entryPath: string;
  readonly proofPath: string;
}

interface Scene {
  readonly story: Story;
  readonly home: Home;
  readonly url: string;
  readonly log: LogClient;
  readonly author: SignerKey;
}

async function main(): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'writ-demo-'));
  const story = new Story('Writ: from a policy to a proof that needs nobody');
  try {
    const home = homeAt(join(dir, 'data'));
    const [logPort = 0] = await freePorts(1);
    await ensureHome(home.dir, { logPort, quorum: 3, random });
    const options = { logPort, checkpointIntervalMs: CHECKPOINT_INTERVAL_MS };
    const instance = await startInstance(home, options);
    const interrupted = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const)
      process.on(name, () => interrupted.abort(new Error('interrupted')));
    try {
      story.chapter('A log and three witnesses, each a process with its own keys and store');
      story.tell(`${instance.url}, origin ${instance.origin}; all three witnesses must cosign`);
      const author = await readAuthorKey(home.authorKeyPath);
      const log = new LogClient(instance.url);
      const scene = { story, home, url: instance.url, log, author };
      await Promise.race([play(scene), rejection(interrupted.signal), failing(instance.failure)]);
    } finally {
      const isClean = await instance.stop();
      story.check(isClean, 'log and witnesses stopped, folder removed');
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return story.end() ? 0 : EXIT_FAILED;
}

function random(length: number): Uint8Array {
  return Uint8Array.from(randomBytes(length));
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function failing(failure: Promise<string>): Promise<never> {
  throw new LogError('network-failed', await failure);
}

async function play(scene: Scene): Promise<void> {
  const logged = await submitExamples(scene);
  await tryTricks(scene, logged);
  const exported = await exportProofs(scene, logged);
  await verifyAll(scene, exported);
  await auditLog(scene, logged.length);
}

async function submitExamples({ story, log, author }: Scene): Promise<Logged[]> {
  story.chapter('Policies become signed statements, each naming the one before it');
  const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.json')).sort();
  const statements = await signInOrder(files, author);
  story.check(files.length >= 12, `${files.length} policies of ${STREAM} signed by ${author.name}`);

  story.chapter('The log makes them durable, in one order for everybody');
  const logged: Logged[] = [];
  for (const { name, statement } of statements.slice(0, SINGLE)) {
    const { index } = parseTlogProof(await log.submit(statement, WAIT_SECONDS));
    logged.push({ name, statement, index: Number(index) });
    story.check(Number(index) === logged.length - 1, `entry ${index}  ${name}, witnessed`);
  }
  const rest = statements.slice(SINGLE);
  const results = await log.submitBatch(concatBytes(...rest.map(({ statement }) => statement)));
  for (const [i, { name, statement }] of rest.entries())
    logged.push({ name, statement, index: results[i]?.index ?? -1 });
  const isInOrder = logged.every(({ index }, i) => index === i);
  story.check(
    isInOrder,
    `entries ${SINGLE} to ${logged.length - 1}  the others, in one request, sequenced`,
  );
  return logged;
}

async function signInOrder(
  files: readonly string[],
  author: SignerKey,
): Promise<{ name: string; statement: Uint8Array }[]> {
  const signed: { name: string; statement: Uint8Array }[] = [];
  let previous: Uint8Array | null = null;
  for (const [seq, file] of files.entries()) {
    const name = file.slice(0, -'.json'.length);
    const change = await firstVersion(name);
    const statement = signPolicyChange(author, { stream: STREAM, seq, previous }, change, now());
    previous = decodeStatement(statement).id;
    signed.push({ name, statement });
  }
  return signed;
}

async function firstVersion(name: string): Promise<PolicyVersion> {
  const spec = await readPolicySpec(join(EXAMPLES, `${name}.json`));
  return { policy: policyId(STREAM, name), version: 1, spec };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

async function tryTricks({ story, log, author }: Scene, logged: readonly Logged[]): Promise<void> {
  story.chapter('What the log does not take');
  const [first] = logged;
  if (first === undefined) throw new LogError('nothing-to-verify', 'there are no examples');
  const again = await log.submitBatch(first.statement);
  const isSame = again[0]?.isDuplicate === true && again[0].index === first.index;
  story.check(isSame, `the same statement again: still entry ${first.index}, nothing logged twice`);

  const change = await firstVersion(first.name);
  const start = { stream: STREAM, seq: 0, previous: null };
  const rewritten = signPolicyChange(author, start, { ...change, version: 2 }, now());
  const refusals = [
    { statement: rewritten, code: 'stream-conflict', what: 'a second beginning of the stream' },
    {
      statement: signPolicyChange(createSigner('stranger', 0x01, random(32)), start, change, now()),
      code: 'author-unknown',
      what: 'a stranger',
    },
    {
      statement: flipLastByte(first.statement),
      code: 'statement-bad-signature',
      what: 'a changed byte',
    },
  ];
  for (const { statement, code, what } of refusals) {
    const refusal = await log.refusalOf(statement);
    story.check(refusal.code === code, `${what}: refused with ${refusal.status} ${refusal.code}`);
  }
}

function flipLastByte(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const last = changed.length - 1;
  // The last byte of an Ed25519 signature is below 16; keeping it so keeps the signature well formed.
  changed[last] = (changed[last] ?? 0) === 0 ? 1 : 0;
  return changed;
}

async function exportProofs(scene: Scene, logged: readonly Logged[]): Promise<Exported[]> {
  const { story, home, log } = scene;
  story.chapter('Three witnesses check that nothing was rewritten, and cosign');
  const last = logged.length - 1;
  await waitForProof(log, last);
  const exported: Exported[] = [];
  for (const entry of logged) {
    const bytes = await log.readProof(entry.index);
    if (bytes === undefined)
      throw new LogError('not-published', `entry ${entry.index} has no proof`);
    const path = join(home.proofsDir, entry.name);
    await writeFile(`${path}.entry`, entry.statement);
    await writeFile(`${path}.tlog-proof`, bytes);
    const paths = { entryPath: `${path}.entry`, proofPath: `${path}.tlog-proof` };
    exported.push({ ...entry, ...paths, proof: parseTlogProof(bytes) });
  }
  const note = parseNote(exported[last]?.proof.checkpoint ?? new Uint8Array());
  const { size, root } = parseCheckpoint(note.text);
  const cosigners = note.signatures.filter(({ name }) => name.includes('/witness-'));
  story.check(
    cosigners.length === 3,
    `checkpoint of ${size} entries, root ${formatBase64(root)}, ${cosigners.length} cosignatures`,
  );
  story.check(exported.length === logged.length, `${exported.length} entries and proofs exported`);
  return exported;
}

async function waitForProof(log: LogClient, index: number): Promise<void> {
  const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
  while ((await log.readProof(index)) === undefined) {
    if (performance.now() > deadline)
      throw new LogError('not-published', `entry ${index} was not published in time`);
    await sleep(POLL_MS);
  }
}

async function verifyAll({ story, home }: Scene, exported: readonly Exported[]): Promise<void> {
  const { isIsolated, verify } = await offlineVerifier();
  const where = isIsolated ? 'in a network namespace with no network' : 'offline, its default';
  story.chapter(`writ-verify checks them ${where}`);
  let verified = 0;
  for (const { entryPath, proofPath, name } of exported) {
    const { exitCode, stderr } = await verify(proofCommand(proofPath, entryPath, home));
    if (exitCode === 0) verified++;
    else story.check(false, `${name}: exit ${exitCode}: ${stderr.trim()}`);
  }
  const ids = exported.map(({ statement }) => formatHex(decodeStatement(statement).id));
  const isEach = verified === exported.length && new Set(ids).size === exported.length;
  story.check(isEach, `${verified} of ${exported.length} proofs verified, exit 0`);
  const victim = exported.at(-1);
  if (victim !== undefined) await tamper(story, home, victim, verify);
}

function proofCommand(proofPath: string, entryPath: string, home: Home): string[] {
  return ['proof', proofPath, '--entry', entryPath, '--policy', home.policyPath];
}

/** Each change on its own, and the exit code that the verifier owes for it. */
async function tamper(story: Story, home: Home, victim: Exported, verify: Verify): Promise<void> {
  story.chapter(`The same for ${victim.name}, after someone changed a little`);
  const { proof, statement } = victim;
  const note = parseNote(proof.checkpoint);
  const fewer = note.signatures.filter(({ name }) => !name.endsWith('/witness-3'));
  const cases = [
    {
      what: 'one bit of the entry',
      entry: flipBit(statement, statement.length >> 1),
      proof,
      exit: REFUSED_PROOF,
    },
    {
      what: 'one bit of the proof',
      entry: statement,
      proof: {
        ...proof,
        hashes: proof.hashes.map((hash, i) => (i === 0 ? flipBit(hash, 7) : hash)),
      },
      exit: REFUSED_PROOF,
    },
    {
      what: 'one cosignature gone',
      entry: statement,
      proof: { ...proof, checkpoint: formatNote({ ...note, signatures: fewer }) },
      exit: REFUSED_QUORUM,
    },
  ];
  for (const { what, entry, proof: changed, exit } of cases) {
    const entryPath = join(home.dir, 'changed.entry');
    const proofPath = join(home.dir, 'changed.tlog-proof');
    await writeFile(entryPath, entry);
    await writeFile(proofPath, formatTlogProof(changed));
    const { exitCode, stderr, stdout } = await verify(proofCommand(proofPath, entryPath, home));
    story.check(exitCode === exit, `${what}: refused, exit ${exitCode}`);
    story.quote(stderr === '' ? stdout : stderr);
  }
}

function flipBit(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

async function auditLog({ story, home, url }: Scene, size: number): Promise<void> {
  story.chapter('An auditor re-hashes every entry and tile of the log');
  const args = ['log', url, '--online', '--policy', home.policyPath];
  const { exitCode, stdout, stderr } = await runCommand(COMMANDS.verify, args);
  story.check(exitCode === 0, `the whole log of ${size} entries: exit ${exitCode}`);
  story.quote(exitCode === 0 ? stdout : stderr);
}

try {
  process.exitCode = await main();
} catch (error) {
  say('');
  process.stderr.write(`demo: ${reasonOf(error)}\n`);
  process.exitCode = EXIT_FAILED;
}
