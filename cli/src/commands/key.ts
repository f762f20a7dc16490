// writ key: making, showing and changing the key that an author signs with.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import {
  createSigner,
  formatSignerKey,
  formatVkey,
  isKeyName,
  type SignerKey,
} from '@writ/core/formats/key';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import { validKey } from '@writ/core/streams/village-state';
import { type Logged, loggedLine, positionAfter, signAt, submit, write } from '../author.ts';
import type { Answer, Context } from '../context.ts';
import { readKey, writeSecret } from '../files.ts';

const SEED_SIZE = 32;

export async function newKey(context: Context): Promise<Answer> {
  const key = await makeKey(context, context.operand(0), context.required('out'));
  return describeKey(key);
}

export async function showKey(context: Context): Promise<Answer> {
  return describeKey(await readKey(context.operand(0)));
}

/**
 * Gives the member that signs with --key another key, and with --revoke ends the old one. Each step looks first
 * whether it was done before, so the command can be run again after a failure.
 */
export async function rotateKey(context: Context): Promise<Answer> {
  const old = await context.key();
  const next = await makeOrReadKey(context, old.name, context.required('out'));
  const lines: string[] = [`new key: ${formatVkey(next)}`];
  const statements: Logged[] = [];
  const { state } = await context.view();
  const note = (what: string, logged: Logged): void => {
    lines.push(loggedLine(what, logged));
    statements.push(logged);
  };
  if (validKey(state, keyIdOf(next)) === undefined) {
    note('new key is in force behind', await write(context, () => rotation(next)));
  }
  if (context.has('revoke')) {
    const logged = await revokeOld(context, old, next);
    if (logged !== undefined) note('old key is revoked from', logged);
  }
  return { lines, result: { vkey: formatVkey(next), statements } };
}

function rotation(next: SignerKey): { kind: 'key-rotate'; key: Uint8Array } {
  return { kind: 'key-rotate', key: next.publicKey };
}

async function revokeOld(
  context: Context,
  old: SignerKey,
  next: SignerKey,
): Promise<Logged | undefined> {
  const { state } = await context.view();
  const record = validKey(state, keyIdOf(old));
  if (record === undefined) return undefined;
  const reason = context.value('reason') ?? 'rotated';
  const payload = {
    kind: 'key-revoke',
    member: record.member,
    key: old.publicKey,
    reason,
  } as const;
  const bytes = signAt(positionAfter(state), payload, next, context.world.nowSeconds());
  return submit(context, bytes);
}

async function makeOrReadKey(context: Context, name: string, path: string): Promise<SignerKey> {
  try {
    return await makeKey(context, name, path);
  } catch (error) {
    if (!isLogError(error, 'config-invalid')) throw error;
  }
  const key = await readKey(path);
  const old = await context.key();
  if (!equalBytes(key.publicKey, old.publicKey)) return key;
  throw new LogError('usage', 'the new key is the old one; choose another file for --out');
}

async function makeKey(context: Context, name: string, path: string): Promise<SignerKey> {
  if (!isKeyName(name))
    throw new LogError('usage', 'a key name has no white space and no plus, and at most 255 bytes');
  const seed = context.world.random(SEED_SIZE);
  await writeSecret(path, `${formatSignerKey(name, 0x01, seed)}\n`);
  return createSigner(name, 0x01, seed);
}

function describeKey(key: SignerKey): Answer {
  const vkey = formatVkey(key);
  const keyId = formatHex(keyIdOf(key));
  return { lines: [vkey, `key id in statements: ${keyId}`], result: { vkey, keyId } };
}

function keyIdOf({ publicKey }: Pick<SignerKey, 'publicKey'>): Uint8Array {
  return coseKeyThumbprint(publicKey);
}
