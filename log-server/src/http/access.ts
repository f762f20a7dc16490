// Who may read what a village keeps to itself: its members, on requests that they sign (spec/private-villages.md
// section 6). What strangers are told, and the work that it takes, is the same for a private village and for none.

import { formatHex } from '@writ/core/bytes';
import type { Ed25519Verifier } from '@writ/core/ed25519';
import { bug } from '@writ/core/errors';
import { type RequestSignature, readRequestSignature } from '@writ/core/statements/signed-request';
import { memberNamed, validKey } from '@writ/core/streams/village-state';
import type { RequestKind } from '../admission/request-buckets.ts';
import type { Ledger } from '../streams/ledger.ts';
import type { AppDeps } from './deps.ts';
import type { Call } from './reply.ts';

/**
 * `public`: to everybody; `signed`: no more, to a member who says so, whom the public cannot keep out. `member`: a private
 * village, to this reader. `none`: no such village, or a stranger.
 */
export type Access = 'public' | 'signed' | 'member' | 'none';

/** The signature on a request, not verified; undefined without. LogError request-invalid, whatever was asked for. */
export function signatureOf(
  { env, publisher }: Pick<AppDeps, 'env' | 'publisher'>,
  { c }: Call,
): RequestSignature | undefined {
  const [input, signature] = [c.req.header('signature-input'), c.req.header('signature')];
  if (input === undefined && signature === undefined) return undefined;
  const { origin } = publisher.options;
  const { method, path } = c.req;
  const url = c.env?.incoming?.url ?? c.req.url;
  const at = url.indexOf('?');
  const query = at < 0 ? '' : url.slice(at + 1);
  const target = { method, path, query, origin };
  return readRequestSignature({ input, signature }, target, env.nowMs() / 1000);
}

/**
 * What a request may see of a village. It goes by the newest entries, published or not: a key that was revoked reads no
 * more.
 */
export async function accessTo(
  deps: Pick<AppDeps, 'publisher'>,
  ledger: Ledger,
  village: string,
  signature: RequestSignature | undefined,
): Promise<Access> {
  const state = ledger.states.get(`village/${village}`);
  const found = state?.family === 'village' ? state : undefined;
  const isPublic = found?.law.visibility === 'public';
  if (signature === undefined) return isPublic ? 'public' : 'none';
  const record = found === undefined ? undefined : validKey(found, signature.keyId);
  const isMember =
    found !== undefined && record !== undefined && memberNamed(found, record.member) !== undefined;
  if (isPublic && !isMember) return 'public';
  // A stranger's signature is verified too, under a key that did not make it: to refuse takes as long either way.
  const verifier = ledger.verifiers.of(record?.key ?? logKeyOf(deps));
  const holds = await isSignedBy(verifier, signature);
  if (isPublic) return holds ? 'signed' : 'public';
  return isMember && holds ? 'member' : 'none';
}

/** True when the holder of the key made the signature. */
export async function isSignedBy(
  verifier: Ed25519Verifier,
  { signedBytes, signature }: RequestSignature,
): Promise<boolean> {
  return verifier.verifyAsync(signedBytes, signature);
}

/** Which bucket a read comes out of: the public cannot use up what members have. */
export function readKind(access: Exclude<Access, 'none'>): RequestKind {
  return access === 'public' ? 'read' : 'member';
}

/** For answers that not everybody gets. */
export function cacheControl(access: Access): { readonly 'cache-control': string } {
  return { 'cache-control': access === 'member' ? 'private, no-store' : 'no-cache' };
}

function logKeyOf({ publisher }: Pick<AppDeps, 'publisher'>): Uint8Array {
  const key = publisher.keys.find(({ type }) => type === 0x01);
  return key?.publicKey ?? bug('a log has an Ed25519 key');
}

/** Key id in the form in which the authors file is looked up. */
export function keyIdOf({ keyId }: RequestSignature): string {
  return formatHex(keyId);
}
