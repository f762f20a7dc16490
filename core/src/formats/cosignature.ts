// Cosignatures: C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature@v1.1.0-rc.1).
//
// Ed25519 (0x04) signs "cosignature/v1", "time <seconds>" and the whole note text. ML-DSA-44 (0x06) signs
// "subtree/v1" with cosigner name, timestamp, origin, range and hash; it covers no extension line. Both put
// the timestamp in front of the raw signature.

import { concatBytes, MAX_UINT63, readUint64, uint64, utf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { KEY_TYPES, MAX_NAME_BYTES, type SignerKey, type VerifierKey } from './key.ts';
import { type Note, type NoteSignature, type VerifiedSignature, verifyNote } from './note.ts';

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
  const row = KEY_TYPES[key.type];
  if (!row.isCosignature)
    return bytes.length === row.signatureSize && key.verifyRaw(utf8(text), bytes);
  if (bytes.length !== TIMESTAMP_SIZE + row.signatureSize) return false;
  const timestampSeconds = readUint64(bytes, 0);
  if (timestampSeconds > MAX_UINT63) return false;
  try {
    return key.verifyRaw(
      cosignatureMessage(key, text, timestampSeconds),
      bytes.subarray(TIMESTAMP_SIZE),
    );
  } catch (error) {
    if (error instanceof LogError) return false; // a text that is no checkpoint has no cosignature
    throw error;
  }
}

/** The time a cosignature claims, in POSIX seconds; 0n for a plain log signature. Only after it verified. */
export function timestampOf({ key, signature }: VerifiedSignature): bigint {
  return KEY_TYPES[key.type].isCosignature ? readUint64(signature.bytes, 0) : 0n;
}

/** Signs `text`: plainly with a log key, with the time in POSIX seconds for a cosigner key. */
export function signText(signer: SignerKey, text: string, timestampSeconds: bigint): NoteSignature {
  const { name, id } = signer;
  if (!KEY_TYPES[signer.type].isCosignature) return { name, id, bytes: signer.signRaw(utf8(text)) };
  if (timestampSeconds < 0n || timestampSeconds > MAX_UINT63)
    throw new RangeError('timestamp out of range');
  const raw = signer.signRaw(cosignatureMessage(signer, text, timestampSeconds));
  return { name, id, bytes: concatBytes(uint64(timestampSeconds), raw) };
}

/** Verifies a note with keys of all types; see `verifyNote`. LogError note-unverified when no key signed. */
export function openNote(note: Note, keys: readonly VerifierKey[]): VerifiedSignature[] {
  const verified = verifyNote(note, keys, checkSignature);
  if (verified.length === 0)
    throw new LogError('note-unverified', 'no signature of a configured key is on the note');
  return verified;
}
