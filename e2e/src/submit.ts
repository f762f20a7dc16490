#!/usr/bin/env node
// Signs a policy with the author key of a data folder, submits it to the running log and brings its proof home:
// node e2e/dist/submit.js POLICY.json [STREAM]

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { homeAt, readPolicy } from './home.ts';
import { policyId, readAuthorKey, readPolicySpec, signPolicyChange } from './policies.ts';
import { LogClient } from './submission.ts';
import { pathFromHere, reasonOf, say, styled } from './talk.ts';

const DEFAULT_STREAM = 'village/north-quay';
const WAIT_SECONDS = 20;

async function main([file, stream = DEFAULT_STREAM, ...rest]: readonly string[]): Promise<void> {
  if (file === undefined || rest.length > 0)
    throw new LogError('usage', 'call it with a policy: submit.js POLICY.json [STREAM]');
  if (parseStreamId(stream)?.family !== 'village')
    throw new LogError('usage', `${stream} is not the stream of a village: village/NAME`);
  const home = homeAt(process.env['WRIT_DATA'] || 'data');
  const author = await readAuthorKey(home.authorKeyPath);
  const spec = await readPolicySpec(file);
  const url = (await readPolicy(home)).logs[0]?.url ?? '';
  const log = new LogClient(url);

  const name = basename(file, '.json');
  const policy = policyId(stream, name);
  const position = await log.nextPosition(stream);
  const version = (await log.newestVersion(position, policy)) + 1;
  const now = Math.floor(Date.now() / 1000);
  const statement = signPolicyChange(author, position, { policy, version, spec }, now);
  const proof = await log.submit(statement, WAIT_SECONDS);

  await mkdir(home.proofsDir, { recursive: true });
  const path = join(home.proofsDir, name);
  await writeFile(`${path}.entry`, statement);
  await writeFile(`${path}.tlog-proof`, proof);
  const { index } = parseTlogProof(proof);
  say(
    `${styled('green', 'witnessed')}  ${name}, version ${version}`,
    `  entry      ${index} of ${url}, number ${position.seq} of ${stream}`,
    `  statement  ${pathFromHere(`${path}.entry`)}`,
    `  proof      ${pathFromHere(`${path}.tlog-proof`)}`,
  );
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isRefused = error instanceof TypeError && error.message === 'fetch failed';
  const reason = isRefused ? 'the log does not answer; is npm start running?' : reasonOf(error);
  process.stderr.write(`submit: ${reason}\n`);
  process.exitCode = error instanceof LogError && error.code === 'usage' ? 2 : 1;
}
