#!/usr/bin/env node
// Signs policies with the author key of a data folder, submits them to the running log and brings their proofs
// home: node e2e/dist/submit.js [--stream village/NAME] POLICY.json...

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { concatBytes } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import { decodeStatement } from '@writ/core/statements/statement';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { homeAt, readPolicy } from './home.ts';
import {
  type PolicyVersion,
  policyId,
  readAuthorKey,
  readPolicySpec,
  signPolicyChange,
} from './policies.ts';
import { LogClient } from './submission.ts';
import { pathFromHere, reasonOf, say, styled } from './talk.ts';
import { signFounding } from './village.ts';

const DEFAULT_STREAM = 'village/north-quay';
const PROOF_TIMEOUT_MS = 20_000;
const FOUNDING_WAIT_SECONDS = 20;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** A policy change, signed. */
interface Signed extends PolicyVersion {
  readonly name: string;
  readonly statement: Uint8Array;
}

async function main(args: readonly string[]): Promise<void> {
  const { files, stream } = readArguments(args);
  const home = homeAt(process.env['WRIT_DATA'] || 'data');
  const author = await readAuthorKey(home.authorKeyPath);
  const url = (await readPolicy(home)).logs[0]?.url ?? '';
  const log = new LogClient(url);
  await foundIfNew(log, author, stream);
  const signed = await signAll(log, author, stream, files);
  const results = await log.submitBatch(concatBytes(...signed.map(({ statement }) => statement)));

  await mkdir(home.proofsDir, { recursive: true });
  for (const [i, { name, version, statement }] of signed.entries()) {
    const index = results[i]?.index ?? -1;
    const path = join(home.proofsDir, name);
    await writeFile(`${path}.entry`, statement);
    await writeFile(`${path}.tlog-proof`, await log.waitForProof(index, PROOF_TIMEOUT_MS));
    say(`${styled('green', 'witnessed')}  entry ${index}  ${name}, version ${version}`);
  }
  say(`Entries and proofs are in ${pathFromHere(home.proofsDir)}.`);
}

function readArguments(args: readonly string[]): { files: string[]; stream: string } {
  const { values, positionals } = parseOrRefuse(args);
  const { stream } = values;
  if (positionals.length === 0)
    throw new LogError('usage', 'name policies: submit.js [--stream village/NAME] POLICY.json...');
  if (parseStreamId(stream)?.family !== 'village')
    throw new LogError('usage', `${stream} is not the stream of a village: village/NAME`);
  return { files: positionals, stream };
}

function parseOrRefuse(args: readonly string[]): {
  values: { stream: string };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: [...args],
      options: { stream: { type: 'string', default: DEFAULT_STREAM } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new LogError('usage', reasonOf(error));
  }
}

/** The first policy of a village needs a village: founds it with the author as its only member. */
async function foundIfNew(log: LogClient, author: SignerKey, stream: string): Promise<void> {
  if ((await log.nextPosition(stream)).seq > 0) return;
  // Published before it is read back: the first policy asks what the village has.
  await log.submit(
    signFounding(author, stream, Math.floor(Date.now() / 1000)),
    FOUNDING_WAIT_SECONDS,
  );
  say(`${styled('green', 'founded')}    ${stream}, with ${author.name} as its only member`);
}

/** Signs the policies in `files`, each on top of the one before, after what the stream has. */
async function signAll(
  log: LogClient,
  author: SignerKey,
  stream: string,
  files: readonly string[],
): Promise<Signed[]> {
  const specs = await Promise.all(files.map(readPolicySpec));
  const names = files.map((file) => basename(file, '.json'));
  let position = await log.nextPosition(stream);
  const policies = new Set(names.map((name) => policyId(stream, name)));
  const versions = await log.newestVersions(position, policies);
  const signed: Signed[] = [];
  for (const [i, spec] of specs.entries()) {
    const name = names[i] ?? '';
    const policy = policyId(stream, name);
    const version = (versions.get(policy) ?? 0) + 1;
    versions.set(policy, version);
    const change = { policy, version, spec };
    const now = Math.floor(Date.now() / 1000);
    const statement = signPolicyChange(author, position, change, now);
    position = { stream, seq: position.seq + 1, previous: decodeStatement(statement).id };
    signed.push({ name, statement, ...change });
  }
  return signed;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isRefused = error instanceof TypeError && error.message === 'fetch failed';
  const reason = isRefused ? 'the log does not answer; is npm start running?' : reasonOf(error);
  process.stderr.write(`submit: ${reason}\n`);
  process.exitCode = isLogError(error, 'usage') ? EXIT_USAGE : EXIT_FAILED;
}
