// A log of statements for the vectors of stream proofs: statements, index and proofs by the definition, with another
// CBOR encoder.

import { concatBytes } from '@writ/core/bytes';
import { encode, rfc8949EncodeOptions } from 'cborg';
import {
  ascii,
  checkpointOf,
  digest,
  hex,
  inclusion,
  keyOf,
  LOG,
  leafHash,
  noteOf,
  TIME,
  WITNESSES,
} from './scenery.mjs';

export const AUTHOR = keyOf('author.example').signer;
export const EMPTY = new Uint8Array(0);
/** Time of the state roots that are given none. */
export const ROOT_TIME = Number(TIME) - 5;
const VERSION = 'writ-stream-proof/v1';

export function cbor(value) {
  return encode(value, rfc8949EncodeOptions);
}

/** COSE Key thumbprint (RFC 9679) of an Ed25519 key. */
function thumbprint(x) {
  const key = new Map([
    [1, 1],
    [-1, 6],
    [-2, x],
  ]);
  return digest(cbor(key));
}

/** A statement of `kind` behind `head` of its stream. */
export function statementOf({ kind, stream, head, payload, signer = AUTHOR }) {
  const position = head === undefined ? [0, null] : [head.seq + 1, head.id];
  const claims = [
    [1, signer.name],
    [2, stream],
    [6, ROOT_TIME],
  ];
  const header = new Map([
    [1, -19],
    [3, `application/vnd.writ.${kind}+cbor`],
    [4, thumbprint(signer.publicKey)],
    [15, new Map(claims)],
    [-65537, position],
  ]);
  const protectedBytes = cbor(header);
  const toBeSigned = cbor(['Signature1', protectedBytes, EMPTY, payload]);
  const parts = [protectedBytes, new Map(), payload, signer.signRaw(toBeSigned)];
  return concatBytes([0xd2], cbor(parts));
}

/** A log as the list of its entries, with the stream of each. */
export class Log {
  entries = [];

  heads(size = this.entries.length) {
    const heads = new Map();
    for (const [index, { stream, seq, id }] of this.entries.slice(0, size).entries())
      heads.set(stream, { stream, seq, index, id });
    return heads;
  }

  push(stream, bytes) {
    const seq = (this.heads().get(stream)?.seq ?? -1) + 1;
    this.entries.push({ stream, seq, bytes, id: leafHash(bytes) });
  }

  note(name) {
    const stream = `audit/${name}`;
    const head = this.heads().get(stream);
    const payload = cbor(`note ${this.entries.length}`);
    this.push(stream, statementOf({ kind: 'note', stream, head, payload }));
  }

  stateRoot({ fields = {}, signer = LOG.signer } = {}) {
    const heads = this.heads();
    const payload = {
      index: subtree(leavesOf(heads)),
      streams: heads.size,
      size: this.entries.length,
      time: ROOT_TIME,
      ...fields,
    };
    const bytes = cbor(new Map(Object.entries(payload)));
    const head = heads.get('log');
    this.push(
      'log',
      statementOf({ kind: 'state-root', stream: 'log', head, payload: bytes, signer }),
    );
  }

  hash = (start, end) => {
    if (end - start === 1n) return this.entries[Number(start)].id;
    let k = 1n;
    while (k * 2n < end - start) k *= 2n;
    return digest(Uint8Array.of(1), this.hash(start, start + k), this.hash(start + k, end));
  };

  inclusion(index, size) {
    return inclusion(BigInt(index), 0n, BigInt(size), this.hash).proof;
  }

  checkpoint(size) {
    const text = checkpointOf({ size, root: this.hash(0n, BigInt(size)) });
    return ascii(noteOf(text, LOG, ...WITNESSES));
  }

  /** The ten items of a file. */
  proof(stream, { from = 0, limit = 500, size = this.entries.length } = {}) {
    const heads = this.heads(size - 1);
    const head = heads.get(stream);
    const all = [...this.entries.slice(0, size - 1).entries()].filter(
      ([, entry]) => entry.stream === stream,
    );
    const page = all.slice(from, from + limit);
    const last = page.at(-1);
    const hasTail = last !== undefined && last[1].seq < head.seq;
    return {
      version: VERSION,
      stream,
      checkpoint: this.checkpoint(size),
      stateRoot: this.entries[size - 1].bytes,
      stateRootProof: this.inclusion(size - 1, size),
      indexProof: indexProof(stream, heads),
      head: head === undefined ? null : [head.seq, head.index, head.id],
      from,
      entries: page.map(([, { bytes }]) => bytes),
      tail: hasTail ? [last[0], this.inclusion(last[0], size)] : null,
    };
  }
}

/** Trees of 4, 8 and 12 entries. */
export function exampleLog() {
  const log = new Log();
  for (const names of ['abb', 'acb', 'bab']) {
    for (const name of names) log.note(name);
    log.stateRoot();
  }
  return log;
}

export function leavesOf(heads) {
  return [...heads.values()].map(({ stream, seq, index, id }) => ({
    key: digest(ascii(stream)),
    value: digest(cbor([stream, seq, index, id])),
  }));
}

function bit(key, depth) {
  return (key[depth >> 3] >> (7 - (depth % 8))) & 1;
}

/** The definition of the index (spec/stream-index.md section 2). */
export function subtree(leaves, depth = 0) {
  if (leaves.length === 0) return digest(Uint8Array.of(3));
  if (leaves.length === 1) return digest(Uint8Array.of(2), leaves[0].key, leaves[0].value);
  const side = (wanted) => leaves.filter(({ key }) => bit(key, depth) === wanted);
  return digest(Uint8Array.of(1), subtree(side(0), depth + 1), subtree(side(1), depth + 1));
}

/** Section 3: kind, depth, bitmap, hashes, and for another leaf its key and value. */
export function indexProof(stream, heads) {
  const key = digest(ascii(stream));
  const siblings = [];
  let leaves = leavesOf(heads);
  while (leaves.length > 1) {
    const depth = siblings.length;
    const others = leaves.filter((leaf) => bit(leaf.key, depth) !== bit(key, depth));
    siblings.unshift(others.length === 0 ? undefined : subtree(others, depth + 1));
    leaves = leaves.filter((leaf) => bit(leaf.key, depth) === bit(key, depth));
  }
  const bitmap = new Uint8Array(Math.ceil(siblings.length / 8));
  for (const [i, sibling] of siblings.entries())
    if (sibling !== undefined) bitmap[i >> 3] |= 0x80 >> (i % 8);
  const hashes = concatBytes(...siblings.filter((sibling) => sibling !== undefined));
  const items = [siblings.length, bitmap, hashes];
  const [leaf] = leaves;
  if (leaf === undefined) return cbor([1, ...items]);
  if (hex(leaf.key) === hex(key)) return cbor([0, ...items]);
  return cbor([2, ...items, leaf.key, leaf.value]);
}
