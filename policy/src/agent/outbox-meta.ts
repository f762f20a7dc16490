// The row that says how far a node's stream is: what was signed, what the log took, what it was proved to hold.

import type { CborValue } from '@writ/core/cbor/value';
import { badShape, readCount, readList, readText } from '@writ/core/statements/kinds/shape';
import { decodeRow, encodeRow, nullOr, textOf } from './record-row.ts';
import type { StreamHeadRef } from './stream-log.ts';

/** Records that there was no room for. */
export interface Lost {
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Why nothing is submitted any more, until an operator has looked. */
export type StopCode =
  /** The log has a statement in our stream that we did not write: another holder of the key, or we are an old copy. */
  | 'stream-taken'
  /** The log has less of our stream than it was proved to hold. */
  | 'stream-forgotten';

export interface OutboxMeta {
  /** Position that the next statement gets. */
  readonly next: number;
  /** Id of the statement before it in hexadecimal. */
  readonly head: string | null;
  /** Statements before this position were taken by the log, as it says. */
  readonly sent: number;
  /** Statements before this position are in the log as proved, and not kept here. */
  readonly settled: number;
  /** Id of the last of those. */
  readonly settledHead: string | null;
  /** Bytes of the statements and openings that are kept. */
  readonly bytes: number;
  readonly lost: Lost | null;
  readonly stopped: StopCode | null;
}

export const NEW_OUTBOX: OutboxMeta = {
  next: 0,
  head: null,
  sent: 0,
  settled: 0,
  settledHead: null,
  bytes: 0,
  lost: null,
  stopped: null,
};

const NAMES = Object.keys(NEW_OUTBOX);
const ID = /^[0-9a-f]{64}$/;
const STOPS: readonly StopCode[] = ['stream-taken', 'stream-forgotten'];

export function encodeOutboxMeta(meta: OutboxMeta): Uint8Array {
  const { lost } = meta;
  return encodeRow({ ...meta, lost: lost && [lost.count, lost.firstMs, lost.lastMs] });
}

/** LogError storage-corrupt. */
export function decodeOutboxMeta(key: string, bytes: Uint8Array): OutboxMeta {
  return decodeRow(key, bytes, NAMES, (of) => {
    const next = readCount(of('next'), 'next');
    const sent = readCount(of('sent'), 'sent', 0, next);
    return {
      next,
      head: hexOf(of('head'), 'head', next > 0),
      sent,
      settled: readCount(of('settled'), 'settled', 0, sent),
      settledHead: nullOr(of('settledHead'), 'settledHead', readId),
      bytes: readCount(of('bytes'), 'bytes'),
      lost: nullOr(of('lost'), 'lost', readLost),
      stopped: nullOr(of('stopped'), 'stopped', readStop),
    };
  });
}

/** The head of all that was signed; undefined before the first statement. */
export function headOfMeta({ next, head }: OutboxMeta): StreamHeadRef | undefined {
  return head === null ? undefined : { seq: next - 1, id: head };
}

function readLost(value: CborValue): Lost {
  const [count = 0, firstMs = 0, lastMs = 0] = readList(value, 'lost', [3, 3], (item, field) =>
    readCount(item, field),
  );
  return { count, firstMs, lastMs };
}

function readStop(value: CborValue): StopCode {
  const text = textOf(value, 'stopped');
  return STOPS.find((code) => code === text) ?? badShape('stopped is no known code');
}

function hexOf(value: CborValue, field: string, isThere: boolean): string | null {
  if (isThere === (value === null)) badShape(`${field} does not fit the count`);
  return nullOr(value, field, readId);
}

function readId(value: CborValue, field: string): string {
  return readText(value, field, ID, 'an id in hexadecimal');
}
