// An honest log of villages in memory: it admits by the reducers, publishes with state roots, and answers readers.

import { concatBytes, uint64, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { encodeBundle } from '@writ/core/formats/entry-bundle';
import type { SignerKey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { parseTilePath } from '@writ/core/formats/tile-path';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { leafHash, nodeHash } from '@writ/core/merkle/hash';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import type { Node } from '@writ/core/merkle/range';
import { buildProof, treeRoot } from '@writ/core/merkle/tree';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution, Member, Rule } from '@writ/core/statements/kinds/constitution';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { proveFollowPage } from '@writ/core/streams/follow-page-proof';
import type { IndexProof } from '@writ/core/streams/index-proof';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import type { Outcome } from '@writ/core/streams/refusal';
import {
  emptyIndexRoot,
  type IndexValue,
  indexLeafHash,
  indexValueHash,
  keyBit,
  streamKey,
} from '@writ/core/streams/stream-index';
import { encodeStreamProof, type StreamProof } from '@writ/core/streams/stream-proof';
import { logSigner, ORIGIN, SIGNED_AT, witnessSigners } from './world.ts';

export const VILLAGE = 'north-grid';
export const VILLAGE_STREAM = `village/${VILLAGE}`;
export const INBOX_STREAM = `inbox/${VILLAGE}`;
export const POLICY_ID = '3f2a1b4c-1111-4222-8333-944455556666';
export const START = Number(SIGNED_AT);
/** The key behind `logSigner`, for statements. */
export const LOG_KEY: Ed25519Signer = new Ed25519Signer(new Uint8Array(32).fill(1));

const signers = new Map<string, Ed25519Signer>();

/** The key of that label, the same in every test. */
export function keyOf(label: string): Ed25519Signer {
  const signer = signers.get(label) ?? new Ed25519Signer(sha256(utf8(`follow ${label}`)));
  signers.set(label, signer);
  return signer;
}

function member(name: string, roles: readonly string[]): Member {
  return { name, roles, weight: 1, keys: [keyOf(name).publicKey] };
}

function rule(role: string, k: number): Rule {
  return {
    authors: [role],
    approvers: [role],
    quorum: { kind: 'count', k },
    expiresAfterSeconds: 3600,
    notBefore: true,
  };
}

/** Ada administrates; Ben and Cid write policies, `policyQuorum` of them needed. Outsiders may propose. */
export function constitution(policyQuorum = 1, fields: Partial<Constitution> = {}): Constitution {
  return {
    members: [member('ada', ['admin']), member('ben', ['author']), member('cid', ['author'])],
    rules: {
      policy: rule('author', policyQuorum),
      constitution: rule('admin', 1),
      members: rule('admin', 1),
    },
    limits: { statementsPerDay: 50, proposalsOpen: 4, specBytes: 1000, requestsPerMinute: 100_000 },
    quarantine: {
      approvers: ['author'],
      quorum: { kind: 'count', k: 1 },
      expiresAfterSeconds: 7200,
      proposalsOpen: 3,
      statementsPerDay: 20,
    },
    staleness: { mode: 'keep-last-good', maxSeconds: 86_400 },
    visibility: 'public',
    recordDenials: false,
    ...fields,
  };
}

export function change(version: number, policy = POLICY_ID, text = ''): Payload {
  const spec = utf8(formatCanonicalJson({ notes: `version ${version}${text}` }));
  return { kind: 'policy-change', policy, version, spec };
}

/** What was published, and the heads that its state root commits to. */
export interface Publication {
  readonly size: number;
  readonly logSeq: number;
  readonly note: Uint8Array;
  readonly values: ReadonlyMap<string, IndexValue>;
}

export interface PageRequest {
  readonly stream: string;
  readonly from: number;
  readonly limit?: number;
  readonly since?: number;
}

export interface VillageLogOptions {
  /** Entries before the first one here: nobody ever looks at them, so their hashes are made up. */
  readonly filler?: number;
  /** Levels of the stream index above the one stream that is proved; the other side of each is made up. */
  readonly indexDepth?: number;
  readonly witnesses?: readonly SignerKey[];
}

export class VillageLog {
  readonly entries: Uint8Array[] = [];
  readonly leaves = new Map<string, number[]>();
  readonly states = new Map<string, StreamState>();
  readonly publications: Publication[] = [];
  readonly filler: number;
  readonly #values = new Map<string, IndexValue>();
  readonly #nodes = new Map<string, Uint8Array>();
  #hidden: { readonly stream: string; readonly bytes: Uint8Array } | undefined;
  readonly #indexDepth: number;
  readonly #witnesses: readonly SignerKey[];

  constructor(options: VillageLogOptions = {}) {
    this.filler = options.filler ?? 0;
    this.#indexDepth = options.indexDepth ?? 0;
    this.#witnesses = options.witnesses ?? witnessSigners.slice(0, 2);
  }

  get size(): number {
    return this.filler + this.entries.length;
  }

  get newest(): Publication {
    const newest = this.publications.at(-1);
    if (newest === undefined) throw new RangeError('nothing is published');
    return newest;
  }

  /** The statement that `signer` would make now. */
  sign(
    stream: string,
    payload: Payload,
    signer: Ed25519Signer,
    fields: { readonly seq?: number; readonly previous?: Uint8Array | null } = {},
  ): Uint8Array {
    const head = this.states.get(stream)?.head;
    return signStatement(
      {
        kind: payload.kind,
        issuer: 'somebody',
        stream,
        issuedAtSeconds: 0,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
        ...fields,
      },
      signer,
    );
  }

  /** What the reducers say; a statement that is admitted is appended. */
  offer(bytes: Uint8Array): Outcome<StreamState> {
    const statement = decodeStatement(bytes);
    const step = { statement, payload: decodePayload(statement) };
    const context = contextAt(this.states, this.size, LOG_KEY.publicKey);
    const outcome = reduce(this.states, step, context);
    if (outcome.admitted) this.force(bytes, outcome.state);
    return outcome;
  }

  /** Signs and offers; throws when it is refused. */
  add(stream: string, payload: Payload, signer: Ed25519Signer): void {
    const outcome = this.offer(this.sign(stream, payload, signer));
    if (!outcome.admitted) throw new Error(`${payload.kind}: ${outcome.refusal.code}`);
  }

  /** Appends whatever it is: what a log does that does not keep its own rules. */
  force(bytes: Uint8Array, state?: StreamState): void {
    const { stream, seq, id } = decodeStatement(bytes);
    const leafIndex = this.size;
    this.entries.push(bytes);
    if (state !== undefined) this.states.set(stream, state);
    this.leaves.set(stream, [...(this.leaves.get(stream) ?? []), leafIndex]);
    this.#values.set(stream, { stream, seq, leafIndex, statementId: id });
  }

  /** Appends the state root and publishes; `values` are other heads than the true ones. */
  publish(
    timeSeconds: number,
    values: ReadonlyMap<string, IndexValue> = new Map(this.#values),
    index = this.#indexRoot(values),
  ): Publication {
    const payload: Payload = {
      kind: 'state-root',
      index,
      streams: this.states.size,
      size: this.size,
      timeSeconds,
    };
    this.add('log', payload, LOG_KEY);
    return this.publishAs(timeSeconds, values);
  }

  /** Publishes the tree as it is. */
  publishAs(timeSeconds: number, values: ReadonlyMap<string, IndexValue>): Publication {
    const logSeq = (this.leaves.get('log')?.length ?? 0) - 1;
    const note = this.note(this.size, timeSeconds);
    const publication = { size: this.size, logSeq, note, values };
    this.publications.push(publication);
    return publication;
  }

  note(size: number, timeSeconds: number, signers = [logSigner, ...this.#witnesses]): Uint8Array {
    const root = treeRoot(BigInt(size), this.node);
    const text = formatCheckpoint({ origin: ORIGIN, size: BigInt(size), root, extensions: [] });
    const signatures = signers.map((key) => signText(key, text, BigInt(timeSeconds)));
    return formatNote({ text, signatures });
  }

  /** Hash of a complete subtree. */
  node = ({ level, index }: Node): Uint8Array => {
    const name = `${level}/${index}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const isFiller = (index + 1n) * 2n ** BigInt(level) <= BigInt(this.filler);
    const hash = isFiller ? sha256(utf8(`filler ${name}`)) : this.#join(level, index);
    this.#nodes.set(name, hash);
    return hash;
  };

  #join(level: number, index: bigint): Uint8Array {
    if (level === 0)
      return leafHash(this.entries[Number(index) - this.filler] ?? new Uint8Array(0));
    const left = this.node({ level: level - 1, index: 2n * index });
    return nodeHash(left, this.node({ level: level - 1, index: 2n * index + 1n }));
  }

  inclusion(index: number, size: number): Uint8Array[] {
    return buildProof(inclusionNodes(BigInt(index), BigInt(size)), this.node);
  }

  consistency(since: number, size: number): Uint8Array[] {
    return buildProof(consistencyNodes(BigInt(since), BigInt(size)), this.node);
  }

  /** Shows `bytes` as the statement behind the last one of a stream, at a leaf that holds something else. */
  hide(stream: string, leafIndex: number, bytes: Uint8Array): void {
    this.leaves.set(stream, [...(this.leaves.get(stream) ?? []), leafIndex]);
    this.#hidden = { stream, bytes };
  }

  entry(index: number): Uint8Array {
    return this.entries[index - this.filler] ?? new Uint8Array(0);
  }

  #indexRoot(values: ReadonlyMap<string, IndexValue>): Uint8Array {
    const leaves = [...values.values()].map(leafOf);
    if (this.#indexDepth === 0) return rootOf(leaves, 0);
    const leaf = leaves.find(({ key }) => key.join() === streamKey(VILLAGE_STREAM).join());
    let hash = leaf?.hash ?? emptyIndexRoot();
    const key = streamKey(VILLAGE_STREAM);
    for (let depth = this.#indexDepth - 1; depth >= 0; depth--)
      hash =
        keyBit(key, depth) === 1 ? nodeHash(madeUp(depth), hash) : nodeHash(hash, madeUp(depth));
    return hash;
  }

  indexProof(stream: string, values: ReadonlyMap<string, IndexValue>): IndexProof {
    if (this.#indexDepth === 0) return indexProofOf(stream, [...values.values()].map(leafOf));
    const siblings = Array.from({ length: this.#indexDepth }, (_, i) => madeUp(i)).reverse();
    return { end: { kind: values.has(stream) ? 'present' : 'empty' }, siblings };
  }

  /** The parts of a stream proof, and the leaf indexes of its statements. */
  streamProof(
    { stream, from, limit = 100 }: PageRequest,
    { size, note, values }: Publication = this.newest,
  ): { readonly proof: StreamProof; readonly leaves: readonly number[] } {
    const value = values.get(stream);
    const next = value === undefined ? 0 : value.seq + 1;
    const end = Math.min(next, from + limit);
    const leaves = (this.leaves.get(stream) ?? []).slice(from, end);
    const last = leaves.at(-1);
    const tail =
      last === undefined || end === next
        ? null
        : { leafIndex: last, proof: this.inclusion(last, size) };
    const proof: StreamProof = {
      stream,
      checkpoint: note,
      stateRoot: this.entry(size - 1),
      stateRootProof: this.inclusion(size - 1, size),
      indexProof: this.indexProof(stream, values),
      head: value ?? null,
      from,
      entries: leaves.map((leaf, i) => {
        const isLast = from + i === (this.leaves.get(stream)?.length ?? 0) - 1;
        return isLast && this.#hidden?.stream === stream ? this.#hidden.bytes : this.entry(leaf);
      }),
      tail,
    };
    return { proof, leaves };
  }

  /** What `GET /streams/{stream}/follow` answers. */
  page(request: PageRequest, publication: Publication = this.newest): Uint8Array {
    const { proof, leaves } = this.streamProof(request, publication);
    const { size, logSeq } = publication;
    const since = Math.min(request.since ?? 0, size);
    const source = {
      size,
      logSeq,
      entry: (index: number) => this.entry(index),
      proveInclusion: (index: number) => this.inclusion(index, size),
      proveConsistency: (old: number) => this.consistency(old, size),
      logLeaf: (seq: number) => this.leaves.get('log')?.[seq] ?? -1,
    };
    return proveFollowPage(source, { streamProof: encodeStreamProof(proof), leaves, since });
  }

  /** Answers the paths that `followVillage` reads. */
  read = (path: string, publication?: Publication): Uint8Array | undefined => {
    if (path.startsWith('tile/')) return this.#tile(path);
    const request = parsePath(path);
    if (request === undefined) return undefined;
    const at = publication ?? this.newest;
    const next = (at.values.get(request.stream)?.seq ?? -1) + 1;
    return request.from > next ? undefined : this.page(request, at);
  };

  #tile(path: string): Uint8Array {
    const { level, index, width } = parseTilePath(path);
    if (level === 'entries')
      return encodeBundle(this.entries.slice(Number(index) * 256).slice(0, width));
    const hashes = Array.from({ length: width }, (_, i) =>
      this.node({ level: level * 8, index: index * 256n + BigInt(i) }),
    );
    return concatBytes(...hashes);
  }
}

/** The request in a path of `followVillage`. */
export function parsePath(path: string): Required<PageRequest> | undefined {
  const match = /^streams\/(.+)\/follow\?from=(\d+)&limit=(\d+)&since=(\d+)$/.exec(path);
  if (match === null) return undefined;
  const [, stream = '', from, limit, since] = match;
  return { stream, from: Number(from), limit: Number(limit), since: Number(since) };
}

interface IndexLeaf {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
  readonly hash: Uint8Array;
}

function leafOf(value: IndexValue): IndexLeaf {
  const key = streamKey(value.stream);
  const valueHash = indexValueHash(value);
  return { key, valueHash, hash: indexLeafHash(key, valueHash) };
}

function rootOf(leaves: readonly IndexLeaf[], depth: number): Uint8Array {
  const [first, second] = leaves;
  if (first === undefined) return emptyIndexRoot();
  if (second === undefined) return first.hash;
  const side = (bit: 0 | 1) => leaves.filter(({ key }) => keyBit(key, depth) === bit);
  return nodeHash(rootOf(side(0), depth + 1), rootOf(side(1), depth + 1));
}

function indexProofOf(stream: string, all: readonly IndexLeaf[]): IndexProof {
  const wanted = streamKey(stream);
  const siblings: (Uint8Array | undefined)[] = [];
  let leaves = all;
  for (let depth = 0; leaves.length > 1; depth++) {
    const bit = keyBit(wanted, depth);
    const others = leaves.filter(({ key }) => keyBit(key, depth) !== bit);
    siblings.unshift(others.length === 0 ? undefined : rootOf(others, depth + 1));
    leaves = leaves.filter(({ key }) => keyBit(key, depth) === bit);
  }
  const [only] = leaves;
  if (only === undefined) return { end: { kind: 'empty' }, siblings };
  if (only.key.join() === wanted.join()) return { end: { kind: 'present' }, siblings };
  return { end: { kind: 'other', key: only.key, valueHash: only.valueHash }, siblings };
}

function madeUp(depth: number): Uint8Array {
  return sha256(concatBytes(utf8('sibling'), uint64(BigInt(depth))));
}
