// Verifier and signer keys of signed notes: C2SP signed-note (https://c2sp.org/signed-note@v1.0.0),
// "Signatures", and the two cosignature types of C2SP tlog-cosignature (@v1.1.0-rc.1).
//
//   example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//   name           + key ID  + base64(type byte || public key)

import {
  concatBytes,
  controlCharacterAt,
  formatBase64,
  formatHex,
  parseBase64,
  parseHex,
  utf8,
} from '../bytes.ts';
import {
  ED25519_SIGNATURE_SIZE,
  Ed25519Signer,
  Ed25519Verifier,
  isEd25519PublicKey,
} from '../ed25519.ts';
import { LogError } from '../errors.ts';
import {
  isMldsa44PublicKey,
  MLDSA44_PUBLIC_KEY_SIZE,
  MLDSA44_SIGNATURE_SIZE,
  Mldsa44Signer,
  verifyMldsa44,
} from '../mldsa44.ts';
import { sha256 } from '../sha256.ts';

/** Key names and origins: the ML-DSA-44 cosignature cannot carry more (C2SP tlog-cosignature, "Format"). */
export const MAX_NAME_BYTES = 255;

/** One row of the table of signature types. */
interface KeyType {
  /** What people type for it on the command line. */
  readonly label: KeyTypeLabel;
  readonly publicKeySize: number;
  /** Bytes of the raw signature, without key ID and timestamp. */
  readonly signatureSize: number;
  /** True for cosignatures, which carry a timestamp before the raw signature. */
  readonly isCosignature: boolean;
  isAcceptable(publicKey: Uint8Array): boolean;
  verifier(publicKey: Uint8Array): RawVerifier;
  signer(seed: Uint8Array): RawSigner;
}

interface RawVerifier {
  verify(message: Uint8Array, signature: Uint8Array): boolean;
  verifyAsync(message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}
interface RawSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  signAsync(message: Uint8Array): Promise<Uint8Array>;
}
export type KeyTypeLabel = 'ed25519' | 'ed25519-cosignature' | 'ml-dsa-44';
/** Signature type byte: 0x01 Ed25519 note, 0x04 Ed25519 cosignature, 0x06 ML-DSA-44 (sub)tree cosignature. */
export type KeyTypeByte = 0x01 | 0x04 | 0x06;

const ED25519 = {
  publicKeySize: 32,
  signatureSize: ED25519_SIGNATURE_SIZE,
  isAcceptable: isEd25519PublicKey,
  verifier: (publicKey: Uint8Array): RawVerifier => new Ed25519Verifier(publicKey),
  signer: (seed: Uint8Array): RawSigner => new Ed25519Signer(seed),
};

/** Signature types that we know; any other is ignored in notes and refused in keys. */
export const KEY_TYPES: Readonly<Record<KeyTypeByte, KeyType>> = {
  1: { label: 'ed25519', isCosignature: false, ...ED25519 },
  4: { label: 'ed25519-cosignature', isCosignature: true, ...ED25519 },
  6: {
    label: 'ml-dsa-44',
    publicKeySize: MLDSA44_PUBLIC_KEY_SIZE,
    signatureSize: MLDSA44_SIGNATURE_SIZE,
    isCosignature: true,
    isAcceptable: isMldsa44PublicKey,
    verifier: (publicKey) => ({
      verify: (message, signature) => verifyMldsa44(message, signature, publicKey),
      verifyAsync: async (message, signature) => verifyMldsa44(message, signature, publicKey),
    }),
    signer: (seed) => {
      const key = new Mldsa44Signer(seed);
      const sign = (message: Uint8Array): Uint8Array => key.sign(message);
      return { publicKey: key.publicKey, sign, signAsync: async (message) => sign(message) };
    },
  },
};

function keyTypeByte(byte: number | undefined): KeyTypeByte | undefined {
  return byte === 0x01 || byte === 0x04 || byte === 0x06 ? byte : undefined;
}

/** A public key with the name it signs under. Made by `parseVkey` only, so it is always acceptable. */
export interface VerifierKey {
  readonly name: string;
  /** Key ID as 8 hex digits. */
  readonly id: string;
  readonly type: KeyTypeByte;
  readonly publicKey: Uint8Array;
  verifyRaw(message: Uint8Array, signature: Uint8Array): boolean;
  /** As `verifyRaw`, in the native thread pool where that can do it. */
  verifyRawAsync(message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** A private key with the name it signs under. */
export interface SignerKey {
  readonly name: string;
  readonly id: string;
  readonly type: KeyTypeByte;
  readonly publicKey: Uint8Array;
  signRaw(message: Uint8Array): Uint8Array;
  /** As `signRaw`, in the native thread pool where that can do it. */
  signRawAsync(message: Uint8Array): Promise<Uint8Array>;
}

/** True for a name that may stand in a signature line: not empty, no Unicode white space, plus or control character. */
export function isSignatureName(name: string): boolean {
  return (
    /^[^\p{White_Space}+]+$/u.test(name) && controlCharacterAt(name) < 0 && name.isWellFormed()
  );
}

/** True for a name that a key of ours or in a policy may have: as above, and at most 255 bytes. */
export function isKeyName(name: string): boolean {
  return isSignatureName(name) && utf8(name).length <= MAX_NAME_BYTES;
}

/** Key ID = SHA-256(name || LF || type || public key)[0:4] (C2SP signed-note, "Signatures"). */
export function keyId(name: string, type: KeyTypeByte, publicKey: Uint8Array): string {
  return formatHex(
    sha256(concatBytes(utf8(name), Uint8Array.of(0x0a, type), publicKey)).subarray(0, 4),
  );
}

/** Parses a vkey. LogError key-malformed, or key-weak for a key of small order. */
export function parseVkey(vkey: string): VerifierKey {
  const { name, type, id, material: publicKey } = splitKey(vkey, vkey.split('+', 2), 'vkey');
  const row = KEY_TYPES[type];
  if (publicKey.length !== row.publicKeySize)
    throw malformed(`a ${row.label} key has ${row.publicKeySize} bytes`, 'key');
  if (!row.isAcceptable(publicKey))
    throw new LogError('key-weak', 'the public key is not a full-order point', { name });
  if (keyId(name, type, publicKey) !== id)
    throw malformed('the key ID does not belong to name and key', 'id');
  const raw = row.verifier(publicKey);
  return {
    name,
    id,
    type,
    publicKey,
    verifyRaw: (message, signature) => raw.verify(message, signature),
    verifyRawAsync: (message, signature) => raw.verifyAsync(message, signature),
  };
}

/** The vkey line of a key. */
export function formatVkey(key: Pick<VerifierKey, 'name' | 'id' | 'type' | 'publicKey'>): string {
  return `${key.name}+${key.id}+${formatBase64(concatBytes(Uint8Array.of(key.type), key.publicKey))}`;
}

const PRIVATE_PREFIX = 'PRIVATE+KEY+';
const SEED_SIZE = 32;

/** Makes a signer from a 32-byte seed. TypeError for a name that cannot be a key name. */
export function createSigner(name: string, type: KeyTypeByte, seed: Uint8Array): SignerKey {
  if (!isKeyName(name))
    throw new TypeError('not a key name: empty, too long, or with white space or plus');
  const raw = KEY_TYPES[type].signer(seed);
  const { publicKey } = raw;
  return {
    name,
    id: keyId(name, type, publicKey),
    type,
    publicKey,
    signRaw: (message) => raw.sign(message),
    signRawAsync: (message) => raw.signAsync(message),
  };
}

/** The private key file line, as golang.org/x/mod/sumdb/note writes it: PRIVATE+KEY+name+id+base64(type || seed). */
export function formatSignerKey(name: string, type: KeyTypeByte, seed: Uint8Array): string {
  const { id } = createSigner(name, type, seed);
  return `${PRIVATE_PREFIX}${name}+${id}+${formatBase64(concatBytes(Uint8Array.of(type), seed))}`;
}

/** Parses a private key line. LogError key-malformed; the message never holds key material. */
export function parseSignerKey(text: string): SignerKey {
  if (!text.startsWith(PRIVATE_PREFIX))
    throw malformed('a private key starts with PRIVATE+KEY+', 'prefix');
  const rest = text.slice(PRIVATE_PREFIX.length);
  const { name, type, id, material: seed } = splitKey(rest, rest.split('+', 2), 'private key');
  if (seed.length !== SEED_SIZE) throw malformed(`a seed has ${SEED_SIZE} bytes`, 'seed');
  const signer = createSigner(name, type, seed);
  if (signer.id !== id) throw malformed('the key ID does not belong to name and key', 'id');
  return signer;
}

/** The public half of a signer. */
export function verifierOf(signer: SignerKey): VerifierKey {
  return parseVkey(formatVkey(signer));
}

interface KeyParts {
  readonly name: string;
  readonly id: string;
  readonly type: KeyTypeByte;
  readonly material: Uint8Array;
}

/** name+id+base64: the base64 part may itself hold plus signs. */
function splitKey(text: string, [name = '', id = '']: string[], title: string): KeyParts {
  const data = parseBase64(text.slice(name.length + id.length + 2));
  if (!isKeyName(name))
    throw malformed(`${title}: the name is empty, too long or has white space`, 'name');
  if (id.length !== 8 || parseHex(id) === undefined)
    throw malformed(`${title}: the key ID is not 8 lower-case hex digits`, 'id');
  if (data === undefined || data.length === 0)
    throw malformed(`${title}: the key is not canonical base64`, 'key');
  const type = keyTypeByte(data[0]);
  if (type === undefined) throw malformed(`${title}: unknown signature type ${data[0]}`, 'type');
  return { name, id, type, material: data.slice(1) };
}

function malformed(message: string, field: string): LogError {
  return new LogError('key-malformed', message, { field });
}
