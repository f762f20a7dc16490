// First half of the demo: the policies in examples/ become entries of the log, and tricks do not.

import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { concatBytes } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { createSigner, type SignerKey } from '@writ/core/formats/key';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { decodeStatement } from '@writ/core/statements/statement';
import type { Home } from './home.ts';
import { type PolicyVersion, policyId, readPolicySpec, signPolicyChange } from './policies.ts';
import type { Story } from './story.ts';
import type { LogClient } from './submission.ts';
import { signFounding } from './village.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const STREAM = 'village/north-quay';
/** This many go one by one, each waiting for its proof; the others in one batch. */
const SINGLE = 3;
const WAIT_SECONDS = 20;

/** A running log and who writes to it. */
export interface Scene {
  readonly story: Story;
  readonly home: Home;
  readonly url: string;
  readonly log: LogClient;
  readonly author: SignerKey;
}

/** A policy that is in the log. */
export interface Logged {
  readonly name: string;
  readonly statement: Uint8Array;
  readonly index: number;
}

/** Fresh random bytes. */
export function random(length: number): Uint8Array {
  return Uint8Array.from(randomBytes(length));
}

/** Signs all examples into one stream and submits them, some with their proof, the others at once. */
export async function submitExamples({ story, log, author }: Scene): Promise<Logged[]> {
  story.chapter('Policies become signed statements, each naming the one before it');
  const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.json')).sort();
  const founding = signFounding(author, STREAM, now());
  const statements = await signInOrder(files, author, decodeStatement(founding).id);
  story.check(files.length >= 12, `${files.length} policies of ${STREAM} signed by ${author.name}`);

  story.chapter('The log makes them durable, in one order for everybody');
  const [{ index: founded = -1 } = {}] = await log.submitBatch(founding);
  story.check(
    founded >= 0,
    `entry ${founded}  ${STREAM} founded, with ${author.name} as its only member`,
  );
  const logged: Logged[] = [];
  for (const { name, statement } of statements.slice(0, SINGLE)) {
    const { index } = parseTlogProof(await log.submit(statement, WAIT_SECONDS));
    logged.push({ name, statement, index: Number(index) });
    story.check(Number(index) > founded, `entry ${index}  ${name}, witnessed`);
  }
  const rest = statements.slice(SINGLE);
  const results = await log.submitBatch(concatBytes(...rest.map(({ statement }) => statement)));
  for (const [i, { name, statement }] of rest.entries())
    logged.push({ name, statement, index: results[i]?.index ?? -1 });
  const isInOrder = logged.every(({ index }, i) => index > (logged[i - 1]?.index ?? founded));
  const [from, to] = [logged[SINGLE]?.index, logged.at(-1)?.index];
  story.check(isInOrder, `entries ${from} to ${to}  the others, in one request, sequenced`);
  return logged;
}

async function signInOrder(
  files: readonly string[],
  author: SignerKey,
  founding: Uint8Array,
): Promise<{ name: string; statement: Uint8Array }[]> {
  const signed: { name: string; statement: Uint8Array }[] = [];
  let previous = founding;
  for (const [i, file] of files.entries()) {
    const seq = i + 1;
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

/** Submits what the log has to refuse, or to recognise. */
export async function tryTricks(
  { story, log, author }: Scene,
  logged: readonly Logged[],
): Promise<void> {
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
