// The stream of a node on its way into the log (spec/node-records.md section 7). A record is signed and chained in the
// transaction that made it, submitted in order, and kept until a proof shows it in the log.
//
//   <prefix>o/meta        how far the stream is (outbox-meta.ts)
//   <prefix>o/s/<seq>     a statement that is kept, with its opening

import { formatHex, parseHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import { bug, LogError } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { encodePayload, type NodePayload } from '@writ/core/statements/kinds';
import { SALT_SIZE, signSealed } from '@writ/core/statements/sealed';
import { type StatementSigner, signStatement } from '@writ/core/statements/statement';
import { formatStreamId } from '@writ/core/statements/stream-id';
import type { Journal, Transaction } from './journal.ts';
import { decodeOutboxMeta, encodeOutboxMeta, NEW_OUTBOX, type OutboxMeta } from './outbox-meta.ts';
import { keyNumber, rememberLast } from './record-row.ts';
import type { OutboxItem } from './stream-log.ts';

/** Who writes the stream. */
export interface NodeIdentity {
  readonly village: string;
  readonly node: string;
  /** What the statements name as issuer. */
  readonly issuer: string;
  readonly signer: StatementSigner;
  /** Whether the village is private, so that its records are sealed. */
  readonly isPrivate: boolean;
  /** Fresh bytes of a cryptographic random source. */
  readonly random: (size: number) => Uint8Array;
}

/** What may be kept. Beyond the first pair destructive verbs are refused, beyond the second everything but ends. */
export interface OutboxLimits {
  readonly softRows: number;
  readonly softBytes: number;
  readonly hardRows: number;
  readonly hardBytes: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  softRows: 100_000,
  softBytes: 67_108_864,
  hardRows: 125_000,
  hardBytes: 83_886_080,
};

/**
 * How much a record matters when room is short: an intent for a destructive verb, any other record, or the end of an
 * intent, which is always kept: there are never more than the open intents.
 */
export type Room = 'destructive' | 'ordinary' | 'end';

export type AppendRefusal = 'outbox-full' | 'stream-taken' | 'stream-forgotten';

export type Appended =
  | { readonly kind: 'appended'; readonly id: string; readonly seq: number }
  | { readonly kind: 'refused'; readonly code: AppendRefusal };

/** A moment: the wall clock, and a clock that only ever goes on, both in milliseconds. */
export interface Instant {
  readonly wallMs: number;
  readonly steadyMs: number;
}

/** For readiness and metrics. */
export interface OutboxStatus extends OutboxMeta {
  readonly stream: string;
  /** Statements that the log has not taken yet. */
  readonly unsent: number;
  /** Statements that are kept. */
  readonly rows: number;
  /** Whether an intent of that kind would be refused for room. */
  readonly isFull: { readonly destructive: boolean; readonly ordinary: boolean };
}

export class Outbox {
  readonly stream: string;
  /** What keys of this node's records begin with. */
  readonly prefix: string;
  readonly #journal: Journal;
  readonly #identity: NodeIdentity;
  readonly #limits: OutboxLimits;
  readonly #metaKey: string;
  readonly #decodeMeta: typeof decodeOutboxMeta = rememberLast(decodeOutboxMeta);

  constructor(journal: Journal, identity: NodeIdentity, limits: OutboxLimits = OUTBOX_LIMITS) {
    const { village, node } = identity;
    this.stream = formatStreamId({ family: 'node', village, node });
    this.prefix = `n/${village}/${node}/`;
    this.#journal = journal;
    this.#identity = identity;
    this.#limits = limits;
    this.#metaKey = `${this.prefix}o/meta`;
  }

  get status(): OutboxStatus {
    const meta = this.#read(this.#journal);
    return {
      ...meta,
      stream: this.stream,
      unsent: meta.next - meta.sent,
      rows: meta.next - meta.settled,
      isFull: {
        destructive: this.#isFull(meta, 'destructive'),
        ordinary: this.#isFull(meta, 'ordinary'),
      },
    };
  }

  /**
   * Appends one record in a transaction of its own, for what is no execution: hosts, drift, dry runs, overrides. One that
   * is refused is counted, and the count becomes a record itself as soon as there is room.
   */
  record(payload: NodePayload, now: Instant): Promise<Appended> {
    return this.#journal.run((tx) => {
      const appended = this.append(tx, payload, now, 'ordinary');
      if (appended.kind === 'refused') this.countLost(tx, 1, now);
      return appended;
    });
  }

  /** Signs `payload` as the next statement of the stream, in the transaction of the caller. */
  append(tx: Transaction, payload: NodePayload, now: Instant, room: Room): Appended {
    const meta = this.#read(tx);
    if (meta.stopped !== null && room !== 'end') return { kind: 'refused', code: meta.stopped };
    if (this.#isFull(meta, room)) return { kind: 'refused', code: 'outbox-full' };
    const after = room === 'end' ? meta : this.#reportLost(tx, meta, now);
    return this.#sign(tx, after, payload, now);
  }

  /** Counts records that could not be kept. */
  countLost(tx: Transaction, count: number, { wallMs }: Instant): void {
    const meta = this.#read(tx);
    const { lost } = meta;
    const sum = {
      count: (lost?.count ?? 0) + count,
      firstMs: Math.min(lost?.firstMs ?? wallMs, wallMs),
      lastMs: Math.max(lost?.lastMs ?? wallMs, wallMs),
    };
    tx.put(this.#metaKey, encodeOutboxMeta({ ...meta, lost: sum }));
  }

  /** What is kept from position `from` on, at most `rows` and about `bytes`, as it was committed. */
  async items(from: number, rows: number, bytes: number): Promise<OutboxItem[]> {
    const found = await this.#journal.rows({
      from: this.#itemKey(from),
      to: `${this.prefix}o/s/~`,
      limit: rows,
    });
    const items: OutboxItem[] = [];
    let size = 0;
    for (const [key, value] of found) {
      size += value.length;
      if (items.length > 0 && size > bytes) break;
      items.push(readItem(key, value, from + items.length));
    }
    return items;
  }

  /** Id of the statement at `seq` in hexadecimal; undefined when it is neither kept nor the last settled one. */
  idAt(tx: Pick<Transaction, 'get'>, seq: number): string | undefined {
    const meta = this.#read(tx);
    if (seq === meta.settled - 1) return meta.settledHead ?? undefined;
    const key = this.#itemKey(seq);
    const row = tx.get(key);
    return row && formatHex(leafHash(readItem(key, row, seq).statement));
  }

  /** Changes how far the stream is. For the courier, which knows what the log said. */
  update(tx: Transaction, change: (meta: OutboxMeta) => Partial<OutboxMeta>): OutboxMeta {
    const meta = this.#read(tx);
    const after = { ...meta, ...change(meta) };
    tx.put(this.#metaKey, encodeOutboxMeta(after));
    return after;
  }

  /** Deletes the statement at `seq`, which a proof shows in the log; returns how many bytes that frees. */
  drop(tx: Transaction, seq: number): number {
    const key = this.#itemKey(seq);
    const row = tx.get(key);
    if (row === undefined) return 0;
    tx.delete(key);
    return row.length;
  }

  #sign(tx: Transaction, meta: OutboxMeta, payload: NodePayload, now: Instant): Appended {
    const seq = meta.next;
    const { statement, opening } = this.#statement(meta, payload, now);
    const id = formatHex(leafHash(statement));
    const row = encodeCbor([statement, opening]);
    tx.put(this.#itemKey(seq), row);
    const after = { ...meta, next: seq + 1, head: id, bytes: meta.bytes + row.length };
    tx.put(this.#metaKey, encodeOutboxMeta(after));
    return { kind: 'appended', id, seq };
  }

  #statement(meta: OutboxMeta, payload: NodePayload, { wallMs }: Instant): Omit<OutboxItem, 'seq'> {
    const { issuer, signer, isPrivate, random } = this.#identity;
    const previous = meta.head === null ? null : (parseHex(meta.head) ?? bug('head is not hex'));
    const fields = {
      kind: payload.kind,
      stream: this.stream,
      seq: meta.next,
      previous,
      payload: encodePayload(payload),
    };
    if (isPrivate) {
      const { bytes, opening } = signSealed(fields, random(SALT_SIZE), signer);
      return { statement: bytes, opening };
    }
    const issuedAtSeconds = Math.max(0, Math.floor(wallMs / 1000));
    return {
      statement: signStatement({ ...fields, issuer, issuedAtSeconds }, signer),
      opening: null,
    };
  }

  #reportLost(tx: Transaction, meta: OutboxMeta, now: Instant): OutboxMeta {
    const { lost } = meta;
    if (lost === null) return meta;
    this.#sign(
      tx,
      { ...meta, lost: null },
      { kind: 'records-lost', reason: 'outbox-full', ...lost },
      now,
    );
    return this.#read(tx);
  }

  #isFull({ next, settled, bytes }: OutboxMeta, room: Room): boolean {
    if (room === 'end') return false;
    const { softRows, softBytes, hardRows, hardBytes } = this.#limits;
    const rows = next - settled;
    if (room === 'destructive') return rows >= softRows || bytes >= softBytes;
    return rows >= hardRows || bytes >= hardBytes;
  }

  #read(from: Pick<Transaction, 'get'>): OutboxMeta {
    const bytes = from.get(this.#metaKey);
    return bytes === undefined ? NEW_OUTBOX : this.#decodeMeta(this.#metaKey, bytes);
  }

  #itemKey(seq: number): string {
    return `${this.prefix}o/s/${keyNumber(seq)}`;
  }
}

/** A kept statement: an array of it and its opening or null, in the CBOR profile. */
function readItem(key: string, bytes: Uint8Array, seq: number): OutboxItem {
  const value = decodeCbor(bytes);
  const [statement, opening]: readonly CborValue[] = Array.isArray(value) ? value : [];
  if (!(statement instanceof Uint8Array) || !(opening === null || opening instanceof Uint8Array)) {
    const message = `the record ${key} is damaged; bring the folder back from a copy`;
    throw new LogError('storage-corrupt', message, { key });
  }
  return { seq, statement, opening };
}
