// Cosignatures: C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature@v1.1.0-rc.1).
//
// Ed25519 (0x04) signs "cosignature/v1", "time <seconds>" and the whole note text. ML-DSA-44 (0x06) signs
// "subtree/v1" with cosigner name, timestamp, origin, range and hash; it covers no extension line. Both put
// the timestamp in front of the raw signature.

import { concatBytes, MAX_UINT63, readUint64, uint64, utf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { KEY_TYPES, MAX_NAME_BYTES, type SignerKey, type VerifierKey } from './key.ts';
import {
  type Note,
  type NoteSignature,
  type SignatureCheck,
  type VerifiedSignature,
  verifyNote,
  verifyNoteAsync,
} from './note.ts';

const TIMESTAMP_SIZE = 8;
const SUBTREE_LABEL = utf8('subtree/v1\n\0');

/** Bytes that a key of either cosignature type signs for a whole checkpoint at a time (POSIX seconds). */
function cosignatureMessage(
  key: Pick<VerifierKey, 'name' | 'type'>,
  text: string,
  timestampSeconds: bigint,
): Uint8Array {
  if (key.type === 0x04) return utf8(`cosignature/v1\ntime ${timestampSeconds}\n${text}`);
  const { origin, size, root } = parseCheckpoint(text);
  return concatBytes(
    SUBTREE_LABEL,
    lengthPrefixed(key.name),
    uint64(timestampSeconds),
    lengthPrefixed(origin),
    uint64(0n),
    uint64(size),
    root,
  );
}

function lengthPrefixed(name: string): Uint8Array {
  const bytes = utf8(name);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES) {
    throw new LogError(
      'cosignature-malformed',
      `a name in an ML-DSA-44 cosignature has 1 to ${MAX_NAME_BYTES} bytes`,
    );
  }
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

/** The verdict on one signature line's bytes (after the key ID) for any type we know. Never throws. */
export function checkSignature(key: VerifierKey, text: string, bytes: Uint8Array): boolean {
  const signed = signedParts(key, text, bytes);
  return signed !== undefined && key.verifyRaw(...signed);
}

/** As `checkSignature`, in the native thread pool where that can do it. */
export async function checkSignatureAsync(
  key: VerifierKey,
  text: string,
  bytes: Uint8Array,
): Promise<boolean> {
  const signed = signedParts(key, text, bytes);
  return signed !== undefined && (await key.verifyRawAsync(...signed));
}

/** Message and raw signature of a signature line, undefined when it cannot be one of `key` on `text`. */
function signedParts(
  { name, type }: VerifierKey,
  text: string,
  bytes: Uint8Array,
): [message: Uint8Array, signature: Uint8Array] | undefined {
  const { isCosignature, signatureSize } = KEY_TYPES[type];
  if (bytes.length !== signatureSize + (isCosignature ? TIMESTAMP_SIZE : 0)) return undefined;
  if (!isCosignature) return [utf8(text), bytes];
  const timestampSeconds = readUint64(bytes, 0);
  if (timestampSeconds > MAX_UINT63) return undefined;
  try {
    const message = cosignatureMessage({ name, type }, text, timestampSeconds);
    return [message, bytes.subarray(TIMESTAMP_SIZE)];
  } catch (error) {
    if (error instanceof LogError) return undefined; // a text that is no checkpoint has no cosignature
    throw error;
  }
}

/** The time a cosignature claims, in POSIX seconds; 0n for a plain log signature. Only after it verified. */
export function timestampOf({ key, signature }: VerifiedSignature): bigint {
  return KEY_TYPES[key.type].isCosignature ? readUint64(signature.bytes, 0) : 0n;
}

/** Signs `text`: plainly with a log key, with the time in POSIX seconds for a cosigner key. */
export function signText(signer: SignerKey, text: string, timestampSeconds: bigint): NoteSignature {
  const message = messageToSign(signer, text, timestampSeconds);
  return signatureLine(signer, timestampSeconds, signer.signRaw(message));
}

/** As `signText`, in the native thread pool where that can do it. */
export async function signTextAsync(
  signer: SignerKey,
  text: string,
  timestampSeconds: bigint,
): Promise<NoteSignature> {
  const message = messageToSign(signer, text, timestampSeconds);
  return signatureLine(signer, timestampSeconds, await signer.signRawAsync(message));
}

function messageToSign(signer: SignerKey, text: string, timestampSeconds: bigint): Uint8Array {
  if (!KEY_TYPES[signer.type].isCosignature) return utf8(text);
  if (timestampSeconds < 0n || timestampSeconds > MAX_UINT63)
    throw new RangeError('timestamp out of range');
  return cosignatureMessage(signer, text, timestampSeconds);
}

function signatureLine(
  { name, id, type }: SignerKey,
  timestampSeconds: bigint,
  raw: Uint8Array,
): NoteSignature {
  const { isCosignature } = KEY_TYPES[type];
  return { name, id, bytes: isCosignature ? concatBytes(uint64(timestampSeconds), raw) : raw };
}

/** Verifies a note with keys of all types; see `verifyNote`. LogError note-unverified when no key signed. */
export function openNote(
  note: Note,
  keys: readonly VerifierKey[],
  check: SignatureCheck = checkSignature,
): VerifiedSignature[] {
  return requireSome(verifyNote(note, keys, check));
}

/** As `openNote`, in the native thread pool where that can do it. */
export async function openNoteAsync(
  note: Note,
  keys: readonly VerifierKey[],
): Promise<VerifiedSignature[]> {
  return requireSome(await verifyNoteAsync(note, keys, checkSignatureAsync));
}

function requireSome(verified: VerifiedSignature[]): VerifiedSignature[] {
  if (verified.length > 0) return verified;
  throw new LogError('note-unverified', 'no signature of a configured key is on the note');
}
