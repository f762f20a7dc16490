// What the vectors are made of: fixed keys, a Merkle tree by the book, and the two shapes of a case.

import { createHash } from 'node:crypto';
import { formatBase64, formatHex, parseUtf8 } from '@writ/core/bytes';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatSignatureLine } from '@writ/core/formats/note';

export const ORIGIN = 'log.example/vectors';
/** POSIX seconds of every cosignature that does not need another time. */
export const TIME = 1_767_225_600n;

/** 32 bytes that depend on `label` alone: a seed, or a hash that stands for something unknown. */
export function fixedBytes(label) {
  return digest(new TextEncoder().encode(`writ test vector: ${label}`));
}

/** A signer with its vkey; `type` is 1 (Ed25519 note), 4 (Ed25519 cosignature) or 6 (ML-DSA-44). */
export function keyOf(name, type = 1, seedLabel = name) {
  const signer = createSigner(name, type, fixedBytes(`seed of ${seedLabel}`));
  return { name, signer, vkey: formatVkey(signer), ref: `${name}+${signer.id}` };
}

export const LOG = keyOf(ORIGIN);
export const WITNESSES = ['w1.example', 'w2.example', 'w3.example'].map((name) => keyOf(name, 4));
export const POST_QUANTUM = keyOf('w4.example', 6);

/** One signature line, with its newline, of `key` over `text`. */
export function lineOf(key, text, timestampSeconds = TIME) {
  return formatSignatureLine(signText(key.signer, text, timestampSeconds));
}

/** The note text with the signature lines of `keys`. */
export function noteOf(text, ...keys) {
  return `${text}\n${keys.map((key) => lineOf(key, text)).join('')}`;
}

export function checkpointOf({ origin = ORIGIN, size, root, extensions = [] }) {
  return [origin, size, base64(root), ...extensions, ''].join('\n');
}

export function valid(format, name, description, input, facts = {}) {
  return { format, verdict: 'valid', name, description, input, expect: { valid: true, ...facts } };
}

/** `code` and `detail` are Writ's own (spec/errors.md); other implementations only need `valid`. */
export function invalid(format, name, description, input, code, detail) {
  const expect = { valid: false };
  if (code !== undefined) expect.code = code;
  if (detail !== undefined) expect.detail = detail;
  return { format, verdict: 'invalid', name, description, input, expect };
}

/** Bytes as an input field: text where they are valid UTF-8, else base64 under another name. */
export function octets(field, bytes) {
  if (typeof bytes === 'string') return { [field]: bytes };
  const text = parseUtf8(bytes);
  return text === undefined ? { [`${field}_base64`]: base64(bytes) } : { [field]: text };
}

export function base64(bytes) {
  return formatBase64(bytes);
}

/** `bytes` may be a list of numbers, too. */
export function hex(bytes) {
  return formatHex(Uint8Array.from(bytes));
}

export function ascii(text) {
  return new TextEncoder().encode(text);
}

/** SHA-256 over `parts` in a row. */
export function digest(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function leafHash(entry) {
  return digest(Uint8Array.of(0), entry);
}

function nodeHash(left, right) {
  return digest(Uint8Array.of(1), left, right);
}

/** The split of RFC 6962 §2.1: the largest power of two below `size`. */
function split(size) {
  let k = 1n;
  while (k * 2n < size) k *= 2n;
  return k;
}

/** Hash of leaves [start, end) of the tree whose entry i is "entry i". */
export function realHash(start, end) {
  if (end === start) return digest();
  if (end - start === 1n) return leafHash(ascii(`entry ${start}`));
  const middle = start + split(end - start);
  return nodeHash(realHash(start, middle), realHash(middle, end));
}

/** Stands in for a subtree too large to build: its proofs fold like those of a real one. */
export function madeUpHash(start, end) {
  return fixedBytes(`leaves ${start} to ${end}`);
}

/** Leaf hash, root and inclusion proof (RFC 6962 §2.1.1) of `index` in [start, end). */
export function inclusion(index, start, end, hash = realHash) {
  if (end - start === 1n) {
    const leaf = hash(start, end);
    return { leaf, root: leaf, proof: [] };
  }
  const middle = start + split(end - start);
  if (index < middle) {
    const { leaf, root, proof } = inclusion(index, start, middle, hash);
    const right = hash(middle, end);
    return { leaf, root: nodeHash(root, right), proof: [...proof, right] };
  }
  const left = hash(start, middle);
  const { leaf, root, proof } = inclusion(index, middle, end, hash);
  return { leaf, root: nodeHash(left, root), proof: [...proof, left] };
}

/** Old root, new root and consistency proof (RFC 6962 §2.1.2) from `old` to [start, end). */
export function consistency(old, start, end, hash = realHash, isWhole = true) {
  if (old === end) {
    const root = hash(start, end);
    return { oldRoot: root, root, proof: isWhole ? [] : [root] };
  }
  const middle = start + split(end - start);
  if (old <= middle) {
    const right = hash(middle, end);
    const { oldRoot, root, proof } = consistency(old, start, middle, hash, isWhole);
    return { oldRoot, root: nodeHash(root, right), proof: [...proof, right] };
  }
  const left = hash(start, middle);
  const { oldRoot, root, proof } = consistency(old, middle, end, hash, false);
  return {
    oldRoot: nodeHash(left, oldRoot),
    root: nodeHash(left, root),
    proof: [...proof, left],
  };
}
