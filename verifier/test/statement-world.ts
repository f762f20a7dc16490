// A small log of statements: streams, an index over their heads by its definition, and a state root at the end of
// each published tree.

import { compareBytes } from '@writ/core/bytes';
import type { SignerKey } from '@writ/core/formats/key';
import { nodeHash } from '@writ/core/merkle/hash';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { StateRoot } from '@writ/core/statements/kinds/log';
import { decodeStatement, type Statement, signStatement } from '@writ/core/statements/statement';
import type { IndexProof } from '@writ/core/streams/index-proof';
import {
  emptyIndexRoot,
  type IndexValue,
  indexLeafHash,
  indexValueHash,
  keyBit,
  streamKey,
} from '@writ/core/streams/stream-index';
import { encodeStreamProof, type StreamProof } from '@writ/core/streams/stream-proof';
import { logSigner, SIGNED_AT, type Signing, SmallLog, signer } from './world.ts';

/** The author of everything that the log does not write itself. */
export const author: SignerKey = signer('author.example', 1, 77);
/** Time of the state roots that are given none. */
export const ROOT_TIME: number = Number(SIGNED_AT) - 5;

interface Leaf {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
}

function sides(leaves: readonly Leaf[], depth: number): [Leaf[], Leaf[]] {
  const on = (bit: 0 | 1): Leaf[] => leaves.filter(({ key }) => keyBit(key, depth) === bit);
  return [on(0), on(1)];
}

function rootOf(leaves: readonly Leaf[], depth = 0): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return emptyIndexRoot();
  if (leaves.length === 1) return indexLeafHash(first.key, first.valueHash);
  const [left, right] = sides(leaves, depth);
  return nodeHash(rootOf(left, depth + 1), rootOf(right, depth + 1));
}

function proofOf(key: Uint8Array, leaves: readonly Leaf[]): IndexProof {
  const siblings: (Uint8Array | undefined)[] = [];
  let here = leaves;
  while (here.length > 1) {
    const depth = siblings.length;
    const [left, right] = sides(here, depth);
    const [mine, others] = keyBit(key, depth) === 0 ? [left, right] : [right, left];
    siblings.unshift(others.length === 0 ? undefined : rootOf(others, depth + 1));
    here = mine;
  }
  const [leaf] = here;
  if (leaf === undefined) return { end: { kind: 'empty' }, siblings };
  const isOther = compareBytes(leaf.key, key) !== 0;
  return { end: isOther ? { kind: 'other', ...leaf } : { kind: 'present' }, siblings };
}

function leavesOf(heads: ReadonlyMap<string, IndexValue>): Leaf[] {
  return [...heads.values()].map((value) => ({
    key: streamKey(value.stream),
    valueHash: indexValueHash(value),
  }));
}

/** What a state root says and who signs it, where it differs from the truth. */
export interface RootFields {
  readonly payload?: Partial<Omit<StateRoot, 'kind'>>;
  readonly signer?: SignerKey;
}

/** A log of statements in memory, admitted without a question. */
export class StatementLog {
  readonly entries: Uint8Array[] = [];
  readonly statements: Statement[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** The newest statement of each stream among the first `size` entries. */
  heads(size = this.size): Map<string, IndexValue> {
    const heads = new Map<string, IndexValue>();
    for (const [leafIndex, { stream, seq, id }] of this.statements.slice(0, size).entries())
      heads.set(stream, { stream, seq, leafIndex, statementId: id });
    return heads;
  }

  /** Appends the next statement of `stream`. */
  append(stream: string, payload: Payload, by: SignerKey = author): Statement {
    const head = this.heads().get(stream);
    const bytes = signStatement(
      {
        kind: payload.kind,
        issuer: by.name,
        stream,
        issuedAtSeconds: ROOT_TIME,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.statementId ?? null,
        payload: encodePayload(payload),
      },
      { publicKey: by.publicKey, sign: (message) => by.signRaw(message) },
    );
    return this.push(bytes);
  }

  /** Appends a note to an audit stream. */
  note(name: string, text = `note ${this.size}`): Statement {
    return this.append(`audit/${name}`, { kind: 'note', text });
  }

  /** Appends the state root over all entries so far. */
  stateRoot({ payload = {}, signer: by = logSigner }: RootFields = {}): Statement {
    const heads = this.heads();
    const truth = { index: rootOf(leavesOf(heads)), streams: heads.size, size: this.size };
    return this.append(
      'log',
      { kind: 'state-root', ...truth, timeSeconds: ROOT_TIME, ...payload },
      by,
    );
  }

  push(bytes: Uint8Array): Statement {
    const statement = decodeStatement(bytes);
    this.entries.push(bytes);
    this.statements.push(statement);
    return statement;
  }

  /** The tree of the first `size` entries. */
  tree(size = this.size): SmallLog {
    return new SmallLog(this.entries.slice(0, size));
  }

  /** The statements `from` and on of `stream`, at most `limit`, in the tree of `size`. */
  proof(
    stream: string,
    { from = 0, limit = 500, size = this.size, signing = {} }: ProofFields = {},
  ): StreamProof {
    const tree = this.tree(size);
    const heads = this.heads(size - 1);
    const head = heads.get(stream);
    const all = [...this.statements.slice(0, size - 1).entries()].filter(
      ([, statement]) => statement.stream === stream,
    );
    const page = all.slice(from, from + limit);
    const last = page.at(-1);
    const isPage = head !== undefined && last !== undefined && last[1].seq < head.seq;
    return {
      stream,
      checkpoint: tree.note(undefined, signing),
      stateRoot: this.entries[size - 1] ?? new Uint8Array(0),
      stateRootProof: tree.inclusion(BigInt(size - 1)),
      indexProof: proofOf(streamKey(stream), leavesOf(heads)),
      head:
        head === undefined
          ? null
          : { seq: head.seq, leafIndex: head.leafIndex, statementId: head.statementId },
      from,
      entries: page.map(([, { bytes }]) => bytes),
      tail: isPage ? { leafIndex: last[0], proof: tree.inclusion(BigInt(last[0])) } : null,
    };
  }

  proofFile(stream: string, fields: ProofFields = {}): Uint8Array {
    return encodeStreamProof(this.proof(stream, fields));
  }
}

export interface ProofFields {
  readonly from?: number;
  readonly limit?: number;
  readonly size?: number;
  readonly signing?: Signing;
}

/** Three published trees: sizes 4, 8 and 12; stream audit/a has 3 statements, audit/b 5, audit/c one. */
export function smallStatementLog(): StatementLog {
  const log = new StatementLog();
  for (const names of ['abb', 'acb', 'bab']) {
    for (const name of names) log.note(name);
    log.stateRoot();
  }
  return log;
}

/** Sizes of the trees that `smallStatementLog` published. */
export const PUBLISHED: readonly number[] = [4, 8, 12];
