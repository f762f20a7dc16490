// Rows of the level store: our own bytes, never signed and never from outside. cbor-x writes and reads them.

import { LogError } from '@writ/core/errors';
import { decode, Encoder } from 'cbor-x';
import type { CheckpointRecord, StreamHead, TreeHead } from './port.ts';

/** A head with the bytes that its entries use in the last segment. */
export interface HeadRow extends TreeHead {
  readonly tail: number;
}

// Plain maps only: cbor-x's record extension would tie one row to another.
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });

/** Bytes of a row. */
export function encodeRow(row: HeadRow | StreamHead | CheckpointRecord): Uint8Array {
  return new Uint8Array(encoder.encode(row));
}

export function decodeHead(bytes: Uint8Array): HeadRow {
  const row = decodeFields(bytes, 'head');
  return { size: number(row, 'size'), root: bytesOf(row, 'root'), tail: number(row, 'tail') };
}

export function decodeStream(bytes: Uint8Array): StreamHead {
  const row = decodeFields(bytes, 'stream');
  return {
    seq: number(row, 'seq'),
    statementId: bytesOf(row, 'statementId'),
    index: number(row, 'index'),
  };
}

export function decodeCheckpoint(bytes: Uint8Array): CheckpointRecord {
  const row = decodeFields(bytes, 'checkpoint');
  const cause = row['cause'];
  if (cause !== 'growth' && cause !== 'refresh' && cause !== 'start')
    throw corrupt('checkpoint', 'cause');
  return {
    number: number(row, 'number'),
    size: number(row, 'size'),
    root: bytesOf(row, 'root'),
    note: bytesOf(row, 'note'),
    publishedAtMs: number(row, 'publishedAtMs'),
    cause,
    quorumMet: row['quorumMet'] === true,
    logKeyIds: texts(row, 'logKeyIds'),
    witnesses: texts(row, 'witnesses'),
    softwareVersion: String(row['softwareVersion']),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function decodeFields(bytes: Uint8Array, title: string): Fields {
  const row: unknown = decode(bytes);
  if (typeof row !== 'object' || row === null) throw corrupt(title, 'row');
  return row as Fields;
}

function number(row: Fields, field: string): number {
  const value = row[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw corrupt('row', field);
  return value;
}

function bytesOf(row: Fields, field: string): Uint8Array {
  const value = row[field];
  if (!(value instanceof Uint8Array)) throw corrupt('row', field);
  return Uint8Array.from(value);
}

function texts(row: Fields, field: string): string[] {
  const value = row[field];
  if (!Array.isArray(value)) throw corrupt('row', field);
  return value.map(String);
}

function corrupt(title: string, field: string): LogError {
  return new LogError('storage-corrupt', `${title}: the stored ${field} cannot be read`, { field });
}
