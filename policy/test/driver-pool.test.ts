// Which package gets the connection of a host.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { DriverPool } from '@writ/policy/agent/driver-pool';
import { verifiedDriverDigest } from '@writ/policy/engine/driver-digest';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWER, answerOf, codeOf, LAMP, lampPackage, TURN_ON } from './driver-world.ts';

const test = suite<{ scratch: string }>('DriverPool');
const SOURCE = `${ANSWER}
  export const driver = { async call(call, context) {
    return answer(call, context, { reason: String(Object.keys(context.connection)) }); } };`;
const GOOD = lampPackage(SOURCE);
/** Says that it is the same driver. */
const IMPOSTOR = lampPackage(`${SOURCE}//`);
const OTHER = lampPackage(SOURCE, LAMP.replace('org.example.lamp', 'org.example.other'));
const PACKAGES = new Map([GOOD, IMPOSTOR, OTHER].map((bytes) => [digestOf(bytes), bytes]));

function digestOf(bytes: Uint8Array): string {
  return formatHex(sha256(bytes));
}

test.before.each(async (state) => {
  state.scratch = await mkdtemp(join(tmpdir(), 'writ-pool-'));
});

test.after.each(({ scratch }) => rm(scratch, { recursive: true }));

async function codeWith(
  scratch: string,
  bytes: Uint8Array,
  packages?: readonly string[],
): Promise<string> {
  const connection = { token: 'hunter2-and-more' };
  const hosts = [{ id: 'lab', driver: 'org.example.lamp', connection, packages }];
  const fetchPackage = async (digest: string): Promise<Uint8Array> =>
    PACKAGES.get(digest) ?? new Uint8Array();
  const pool = new DriverPool({ hosts, scratch, fetchPackage, callTimeoutMs: 20_000 });
  const result = await pool.call('lab', verifiedDriverDigest(digestOf(bytes)), TURN_ON);
  await pool.close();
  if (codeOf(result) === 'answer') assert.is(answerOf(result).reason, 'token');
  else assert.is('failure' in result && result.failure.outcome, 'none');
  return codeOf(result);
}

test('a package of another driver never gets the connection', async ({ scratch }) => {
  assert.is(await codeWith(scratch, OTHER), 'driver-start-failed');
});

test('where a host lists packages, one that merely says it is the driver does not get the connection', async ({
  scratch,
}) => {
  assert.is(await codeWith(scratch, GOOD, [digestOf(GOOD)]), 'answer');
  assert.is(await codeWith(scratch, IMPOSTOR, [digestOf(GOOD)]), 'driver-start-failed');
  assert.is(await codeWith(scratch, GOOD, []), 'driver-start-failed');
});

test('where a host lists none, the id in the manifest decides', async ({ scratch }) => {
  assert.is(await codeWith(scratch, IMPOSTOR), 'answer');
});

test.run();
