// Witnesses and logs of different hands: Debian's sigsum-witness cosigns our log, our witness cosigns logs that
// other implementations wrote.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes, formatBase64, formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { formatAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote, timestampOf } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey, parseVkey } from '@writ/core/formats/key';
import { parseNote, parseSignatureLines } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { tileNodeSource } from '@writ/core/merkle/tile';
import { buildProof } from '@writ/core/merkle/tree';
import { sha256 } from '@writ/core/sha256';
import { Child, runProgram } from '@writ/e2e/harness/child';
import { demand, findProgram, findVectors, isWanted } from '@writ/e2e/harness/foreign';
import {
  adoptLogKey,
  type LogProcess,
  type LogSetup,
  startLog,
} from '@writ/e2e/harness/log-process';
import { read } from '@writ/e2e/harness/log-reader';
import { freePort } from '@writ/e2e/harness/ports';
import {
  createWitness,
  startWitnessProcess,
  type WitnessProcess,
} from '@writ/e2e/harness/witness-process';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const INTERVAL_MS = 50;

const test = suite('witnesses and logs of other implementations');
const sigsumWitness = findProgram('sigsum-witness');
const sigsumKey = findProgram('sigsum-key');
const vectors = findVectors();

const sigsumNeeds = { 'sigsum-witness': sigsumWitness, 'sigsum-key': sigsumKey };
const vectorNeeds = { WRIT_VECTORS: vectors };

if (isWanted('sigsum-witness cosigns our log', sigsumNeeds)) {
  test('sigsum-witness cosigns our log as it grows and after both were restarted', () => {
    demand(sigsumNeeds);
    return inScratch(growUnderSigsum);
  });
}
if (isWanted('our witness cosigns foreign logs', vectorNeeds)) {
  test('our witness cosigns every step of a log that Tessera wrote', () => {
    demand(vectorNeeds);
    return inScratch((scratch) => cosignTessera(scratch, vectors ?? ''));
  });
  test('our witness answers the conversation that another witness is tested with', () => {
    demand(vectorNeeds);
    return inScratch((scratch) => replayConversation(scratch, vectors ?? ''));
  });
}

async function inScratch(work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'writ-foreign-'));
  try {
    await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

// Debian's witness, our log.

interface Sigsum {
  readonly vkey: string;
  readonly url: string;
  start(): Promise<Child>;
}

async function growUnderSigsum(scratch: string): Promise<void> {
  const setup = await createSigsumLog(join(scratch, 'log'));
  const sigsum = await createSigsumWitness(scratch, setup);
  const policyPath = join(scratch, 'trust.policy');
  const policyText = `log ${setup.vkey}\nwitness sigsum ${sigsum.vkey} ${sigsum.url}\nquorum sigsum\n`;
  await writeFile(policyPath, policyText);
  const port = await freePort();
  const options = { port, policy: policyPath, profile: 'raw', intervalMs: INTERVAL_MS } as const;
  const children: Child[] = [];
  try {
    let witness = await sigsum.start();
    children.push(witness);
    let log = await startLog(setup, options);
    children.push(log.child);
    let size = 0;
    for (const step of [1, 1, 2, 60, 256, 300]) {
      size += step;
      await grow(log, step);
      await expectCosigned(log, policyText, size);
    }

    assert.is((await log.child.stop()).code, 0);
    log = await startLog(setup, options);
    children.push(log.child);
    await grow(log, 5);
    await expectCosigned(log, policyText, size + 5);

    // Without the witness entries are durable but nothing is published; with it again, all of them are.
    await witness.kill();
    await grow(log, 7);
    await sleep(4 * INTERVAL_MS);
    const published = parseCheckpoint(parseNote(await read(`${log.url}/checkpoint`)).text);
    assert.is(published.size, BigInt(size + 5));
    witness = await sigsum.start();
    children.push(witness);
    await expectCosigned(log, policyText, size + 12);
  } finally {
    for (const child of children) await child.kill();
  }
}

/** A log under the origin that sigsum-witness derives from the key of the log. */
async function createSigsumLog(dir: string): Promise<LogSetup> {
  const seed = Uint8Array.from(randomBytes(32));
  const { publicKey } = createSigner('any', 0x01, seed);
  return adoptLogKey(dir, `sigsum.org/v1/tree/${formatHex(sha256(publicKey))}`, seed);
}

async function createSigsumWitness(scratch: string, log: LogSetup): Promise<Sigsum> {
  const key = join(scratch, 'sigsum-key');
  const logKey = join(scratch, 'log.pub');
  await writeFile(logKey, `${sshPublicKey(parseVkey(log.vkey).publicKey)}\n`);
  await runProgram(sigsumKey ?? '', ['generate', '-o', key]);
  const hash = await runProgram(sigsumKey ?? '', ['to-hash', '-k', `${key}.pub`]);
  const name = `sigsum.org/v1/witness/${hash.trim()}`;
  const args = ['to-vkey', '-t', 'cosignature/v1', '-n', name, '-k', `${key}.pub`];
  const vkey = (await runProgram(sigsumKey ?? '', args)).trim();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const state = join(scratch, 'sigsum-state');
  return {
    vkey,
    url,
    async start() {
      const child = new Child(
        sigsumWitness ?? '',
        ['-k', key, '--log-key', logKey, '--state-file', state, `127.0.0.1:${port}`],
        // Debian's build registers its routes in the way of Go 1.21.
        { env: { GODEBUG: 'httpmuxgo121=0' } },
      );
      await child.waitUntil(() =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      );
      return child;
    },
  };
}

/** An OpenSSH public key line: RFC 8709, section 4. */
function sshPublicKey(publicKey: Uint8Array): string {
  const field = (bytes: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(0, 0, 0, bytes.length), bytes);
  const blob = concatBytes(field(utf8('ssh-ed25519')), field(publicKey));
  return `ssh-ed25519 ${formatBase64(blob)} log`;
}

async function grow({ url }: LogProcess, entries: number): Promise<void> {
  for (let i = 0; i < entries; i++) {
    const headers = { 'content-type': 'application/octet-stream' };
    const body = Uint8Array.from(randomBytes(40));
    const response = await fetch(`${url}/add`, { method: 'POST', headers, body });
    assert.is(response.status, 200);
    await response.text();
  }
}

/** Waits for a published checkpoint of `size` and opens it as a reader would. */
async function expectCosigned(log: LogProcess, policyText: string, size: number): Promise<void> {
  let note = new Uint8Array(0);
  await log.child.waitUntil(async () => {
    note = Uint8Array.from(await read(`${log.url}/checkpoint`));
    return parseCheckpoint(parseNote(note).text).size === BigInt(size);
  });
  const nowSeconds = BigInt(Math.floor(Date.now() / 1000));
  const policy = parsePolicy(utf8(policyText));
  const opened = openCheckpoint(note, policy, { nowSeconds, maxAgeSeconds: 60n });
  assert.is(opened.size, BigInt(size));
  assert.equal(
    opened.cosignatures.map(({ witness }) => witness),
    ['sigsum'],
  );
}

// Our witness, the logs of others.

const WITNESS_NAME = 'witness.example/foreign';

async function withWitness(
  scratch: string,
  logVkey: string,
  work: (witness: WitnessProcess, vkeys: readonly string[]) => Promise<void>,
): Promise<void> {
  await mkdir(scratch, { recursive: true });
  const setup = await createWitness(join(scratch, 'witness'), WITNESS_NAME, 'both');
  const witness = await startWitnessProcess(setup, [logVkey]);
  try {
    await work(witness, setup.vkeys);
  } finally {
    assert.is((await witness.child.stop()).code, 0);
  }
}

async function submit(
  { url }: WitnessProcess,
  body: Uint8Array,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/add-checkpoint`, {
    method: 'POST',
    body: Uint8Array.from(body),
  });
  return { status: response.status, text: await response.text() };
}

const TESSERA_VKEY =
  'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
const TESSERA_SIZE = 15;

async function cosignTessera(scratch: string, folder: string): Promise<void> {
  const source = join(folder, 'tessera-testlog');
  const tile = Uint8Array.from(await readFile(join(source, `tile/0/000.p/${TESSERA_SIZE}`)));
  await withWitness(scratch, TESSERA_VKEY, async (witness, vkeys) => {
    assert.is(vkeys.length, 2);
    for (let size = 1; size <= TESSERA_SIZE; size++) {
      const checkpoint = Uint8Array.from(await readFile(join(source, `checkpoint.${size}`)));
      const oldSize = BigInt(size - 1);
      const nodes = consistencyNodes(oldSize, BigInt(size));
      const proof = buildProof(
        nodes,
        tileNodeSource(BigInt(size), () => tile),
      );
      const body = formatAddCheckpoint({ oldSize, proof, checkpoint });
      const { status, text } = await submit(witness, body);
      assert.is(status, 200, `size ${size}: ${text}`);
      expectLines(text, parseNote(checkpoint).text, vkeys);
      // The same step again is refused: the witness has moved on.
      const again = await submit(witness, body);
      assert.equal(again, { status: 409, text: `${size}\n` });
    }
  });
}

/** One valid line of each key of the witness. */
function expectLines(answer: string, text: string, vkeys: readonly string[]): void {
  const keys = vkeys.map(parseVkey);
  const verified = openNote({ text, signatures: parseSignatureLines(answer) }, keys);
  assert.is(verified.length, keys.length);
  for (const signature of verified) assert.ok(timestampOf(signature) > 0n);
}

async function replayConversation(scratch: string, folder: string): Promise<void> {
  const path = join(folder, 'witness-add-checkpoint/sunlight-add-checkpoint.json');
  const conversation = JSON.parse(await readFile(path, 'utf8'));
  const { log_origin: origin, log_ed25519_public_key_hex: hex, steps } = conversation;
  const vkey = vkeyOf(origin, parseHex(hex) ?? new Uint8Array(0));
  await withWitness(scratch, vkey, async (witness, vkeys) => {
    let cosigned = 0;
    for (const { name, body, status } of steps) {
      const answer = await submit(witness, utf8(body));
      // Its signature has stray bits behind the base64, which we refuse before looking at the signature.
      const expected = name === 'invalid signature' ? 400 : status;
      assert.is(answer.status, expected, `${name}: ${answer.text}`);
      if (status !== 200) continue;
      expectLines(answer.text, parseNote(utf8(body.slice(body.indexOf('\n\n') + 2))).text, vkeys);
      cosigned++;
    }
    assert.is(cosigned, 3);
  });
}

function vkeyOf(name: string, publicKey: Uint8Array): string {
  const digest = createHash('sha256').update(`${name}\n`).update(Uint8Array.of(0x01));
  const id = digest.update(publicKey).digest('hex').slice(0, 8);
  return formatVkey({ name, id, type: 0x01, publicKey });
}

test.run();
