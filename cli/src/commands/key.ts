// writ key: making, showing and changing the key that an author signs with.

import { equalBytes, formatHex, parseHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import {
  createSigner,
  formatSignerKey,
  formatVkey,
  isKeyName,
  parseVkey,
  type SignerKey,
} from '@writ/core/formats/key';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import { type KeyRecord, type VillageState, validKey } from '@writ/core/streams/village-state';
import { type Logged, loggedLine, positionAfter, signAt, submit, write } from '../author.ts';
import type { Answer, Context } from '../context.ts';
import { readKey, writeSecret } from '../files.ts';
import { outcome } from '../outcome.ts';

const SEED_SIZE = 32;
/** Of a public key, and of a key id. */
const KEY_SIZE = 32;

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
  const { visibility } = state.law;
  const { world } = context;
  return submit(context, signAt(positionAfter(state), payload, next, { world, visibility }));
}

/** Ends a key: at once where it is the signer's own, as a proposal where it is another member's. */
export async function revokeKey(context: Context): Promise<Answer> {
  const typed = context.operand(0);
  const reason = context.required('reason');
  const logged = await write(context, ({ state }) => {
    const { member, key } = requireRecord(state, typed);
    return { kind: 'key-revoke', member, key, reason };
  });
  const { state } = await context.view();
  const { member, key, untilSeq } = requireKnown(state, typed);
  const what = { member, key: formatHex(key) };
  if (untilSeq === null) {
    const answer = await outcome(context, logged, `end of the key ${what.key} of ${member}`);
    return { lines: answer.lines, result: { ...what, ...answer.result } };
  }
  return {
    lines: [loggedLine(`key ${what.key} of ${member} is revoked`, logged)],
    result: { ...what, ...logged, status: 'revoked', untilSeq },
  };
}

function requireRecord(state: VillageState, typed: string): KeyRecord {
  const record = requireKnown(state, typed);
  if (record.untilSeq === null) return record;
  const message = `the key of ${record.member} was revoked at seq ${record.untilSeq}`;
  throw new LogError('statement-refused', message, { refusal: 'key-revoked' });
}

/** The key of the village that was typed as vkey, public key or key id. LogError key-malformed, usage, not-found. */
function requireKnown({ keys }: VillageState, typed: string): KeyRecord {
  const bytes = typed.includes('+') ? parseVkey(typed).publicKey : parseHex(typed);
  if (bytes?.length !== KEY_SIZE)
    throw new LogError('usage', 'a key is a vkey, or 64 hexadecimal digits in lower case');
  const record = keys.get(formatHex(bytes)) ?? keys.get(formatHex(keyIdOf({ publicKey: bytes })));
  if (record !== undefined) return record;
  throw new LogError('not-found', 'no member of the village has or had this key');
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
