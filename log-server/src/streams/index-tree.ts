// The stream index of the log, in memory (spec/stream-index.md): the heads of all streams as a copy-on-write tree
// whose recent versions stay provable.
//
// A commit copies the nodes on the paths of its streams and hashes each copy once, deepest level first. What it
// replaces is freed when the last version that uses it leaves the window. The tree is derived: after a failed
// write to the store, throw it away and load it again.

import { bug } from '@writ/core/errors';
import { HASH_SIZE } from '@writ/core/sha256';
import type { IndexProof, IndexProofEnd } from '@writ/core/streams/index-proof';
import { emptyIndexRoot, KEY_BITS, streamKey } from '@writ/core/streams/stream-index';
import type { StreamHead } from '../storage/port.ts';
import { HeadBatch } from './head-batch.ts';
import { IndexHasher } from './index-hasher.ts';
import { IndexLoad } from './index-load.ts';
import { bitAt, EMPTY, HASH_WORDS, IndexNodes, isInner, isLeaf, type Ref } from './index-nodes.ts';

/** Versions that stay provable unless the caller says otherwise. */
export const DEFAULT_VERSIONS = 64;

export interface IndexTreeOptions {
  /** How many versions stay provable, the newest included; at least 1. */
  readonly versions?: number;
  /** For tests of keys with long common prefixes. */
  readonly keyOf?: (stream: string) => Uint8Array;
}

/** A proof, and for a stream that is there its position in that version. */
export interface ProvenStream {
  readonly proof: IndexProof;
  /** Sequence number and leaf index; the statement id is the leaf hash at that index. */
  readonly head?: { readonly seq: number; readonly index: number };
}

/** Words of key and value hash. */
const ITEM_WORDS = 2 * HASH_WORDS;

interface Version {
  readonly ref: Ref;
  readonly root: Uint8Array;
  /** What the next version replaced. */
  retired: Uint32Array;
}

export class IndexTree {
  readonly #nodes = new IndexNodes();
  readonly #hasher = new IndexHasher(this.#nodes);
  readonly #keyOf: ((stream: string) => Uint8Array) | undefined;
  readonly #window: number;
  /** The provable versions, oldest first. */
  readonly #versions: Version[] = [
    { ref: EMPTY, root: emptyIndexRoot(), retired: new Uint32Array(0) },
  ];
  #version = 0;
  #pinned = Number.POSITIVE_INFINITY;
  #streams = 0;

  constructor(options: IndexTreeOptions = {}) {
    const { versions = DEFAULT_VERSIONS, keyOf } = options;
    if (!Number.isSafeInteger(versions) || versions < 1)
      throw new RangeError('at least one version must stay provable');
    this.#window = versions;
    this.#keyOf = keyOf;
  }

  /** Number of the newest version. The empty tree is version 0, each load or commit makes the next. */
  get version(): number {
    return this.#version;
  }

  /** The oldest version that can still be proved. */
  get oldestVersion(): number {
    return this.#version - this.#versions.length + 1;
  }

  /** Streams in the newest version. */
  get size(): number {
    return this.#streams;
  }

  /** Rows in use, of all versions together. */
  get nodeCount(): number {
    return this.#nodes.count;
  }

  /**
   * Builds version 1 from all heads, each stream once; answers its root. Throws RangeError on a tree that has versions,
   * and for a stream that appears twice; the tree is then of no further use.
   */
  load(heads: Iterable<readonly [stream: string, head: StreamHead]>): Uint8Array {
    if (this.#version !== 0) throw new RangeError('only a new tree can be loaded');
    const load = new IndexLoad(this.#nodes, this.#hasher);
    load.read(heads, this.#keyOf);
    const root = this.#push(load.build());
    this.#streams = load.count;
    return root;
  }

  /** Makes the version in which these streams have these heads; answers its root. */
  commit(batch: ReadonlyMap<string, StreamHead>): Uint8Array {
    const newest = this.#versions.at(-1) ?? bug('the tree has no version');
    const update = new Update(this.#nodes, new HeadBatch(batch, this.#keyOf));
    const ref = update.run(newest.ref);
    this.#hasher.hashCreated(update.created);
    newest.retired = Uint32Array.from(update.retired);
    this.#streams += update.added;
    return this.#push(ref);
  }

  /** Root of a version in the window; RangeError for any other. */
  root(version: number = this.#version): Uint8Array {
    return this.#at(version).root.slice();
  }

  /** Proves the head of `stream` in a version, or that there is none. RangeError outside the window. */
  prove(stream: string, version: number = this.#version): ProvenStream {
    const key = Uint8Array.from((this.#keyOf ?? streamKey)(stream));
    const nodes = this.#nodes;
    const siblings: (Uint8Array | undefined)[] = [];
    let { ref } = this.#at(version);
    while (isInner(ref)) {
      const side = bitAt(key, 0, siblings.length);
      siblings.push(this.#hasher.hashOf(nodes.child(ref, 1 - side)));
      ref = nodes.child(ref, side);
    }
    siblings.reverse();
    if (ref === EMPTY) return { proof: { end: { kind: 'empty' }, siblings } };
    if (nodes.hasKey(ref, new Uint32Array(key.buffer), 0))
      return { proof: { end: { kind: 'present' }, siblings }, head: nodes.position(ref) };
    return { proof: { end: this.#otherEnd(ref), siblings } };
  }

  #otherEnd(ref: Ref): IndexProofEnd {
    const words = new Uint32Array(2 * HASH_WORDS);
    this.#nodes.copyLeaf(ref, words, 0);
    const bytes = new Uint8Array(words.buffer);
    return { kind: 'other', key: bytes.slice(0, HASH_SIZE), valueHash: bytes.slice(HASH_SIZE) };
  }

  #at(version: number): Version {
    const at = this.#versions[version - this.oldestVersion];
    if (at !== undefined) return at;
    throw new RangeError(
      `version ${version} is not provable: ${this.oldestVersion} to ${this.#version} are`,
    );
  }

  #push(ref: Ref): Uint8Array {
    const root = this.#hasher.hashOf(ref) ?? emptyIndexRoot();
    this.#versions.push({ ref, root, retired: new Uint32Array(0) });
    this.#version++;
    this.#trim();
    return root.slice();
  }

  /** Keeps `version` provable, however many follow, until another one is pinned. RangeError outside the window. */
  pin(version: number): void {
    this.#at(version);
    this.#pinned = version;
    this.#trim();
  }

  #trim(): void {
    while (this.#versions.length > this.#window && this.oldestVersion < this.#pinned) {
      for (const gone of this.#versions.shift()?.retired ?? []) this.#nodes.release(gone);
    }
  }
}

/** One pass of a batch over the tree: makes the nodes of the new version, without hashes. */
class Update {
  readonly #nodes: IndexNodes;
  readonly #batch: HeadBatch;
  /** Inner nodes made at each depth. */
  readonly created: Ref[][] = [];
  readonly retired: Ref[] = [];
  added = 0;

  constructor(nodes: IndexNodes, batch: HeadBatch) {
    this.#nodes = nodes;
    this.#batch = batch;
  }

  run(root: Ref): Ref {
    return this.#update(root, 0, 0, this.#batch.count);
  }

  /** The subtree `ref` at `depth` with the items [from, to) of the batch, which all belong into it. */
  #update(ref: Ref, depth: number, from: number, to: number): Ref {
    if (from === to) return ref;
    if (to - from === 1) {
      const item = this.#batch.item(from);
      if (ref === EMPTY) {
        this.added++;
        return this.#leaf(item);
      }
      if (isLeaf(ref) && this.#nodes.hasKey(ref, this.#batch.words, item * ITEM_WORDS))
        return this.#replaceLeaf(ref, item);
    }
    if (depth === KEY_BITS) throw new RangeError('a stream appears twice');
    const middle = this.#batch.split(from, to, depth);
    const left = this.#childBefore(ref, depth, 0);
    const right = this.#childBefore(ref, depth, 1);
    const newLeft = this.#update(left, depth + 1, from, middle);
    const newRight = this.#update(right, depth + 1, middle, to);
    if (isInner(ref)) {
      if (newLeft === left && newRight === right) return ref;
      this.retired.push(ref);
    }
    const node = this.#nodes.addInner(newLeft, newRight);
    this.created[depth] ??= [];
    this.created[depth].push(node);
    return node;
  }

  /** What was on `side` below `ref`; a leaf that has to make room goes down on its own side. */
  #childBefore(ref: Ref, depth: number, side: 0 | 1): Ref {
    if (ref === EMPTY) return EMPTY;
    if (!isLeaf(ref)) return this.#nodes.child(ref, side);
    return this.#nodes.keyBit(ref, depth) === side ? ref : EMPTY;
  }

  #leaf(item: number): Ref {
    const batch = this.#batch;
    return this.#nodes.addLeaf(batch.seq(item), batch.index(item), batch.words, item * ITEM_WORDS);
  }

  #replaceLeaf(ref: Ref, item: number): Ref {
    const valueHash = item * ITEM_WORDS + HASH_WORDS;
    if (this.#nodes.hasValue(ref, this.#batch.words, valueHash)) return ref;
    this.retired.push(ref);
    return this.#leaf(item);
  }
}
