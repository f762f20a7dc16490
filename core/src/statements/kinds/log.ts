// Statements of the log itself, and what stands in audit streams (spec/villages.md sections 8 and 9).

import { utf8 } from '../../bytes.ts';
import { CborMap, type CborValue } from '../../cbor/value.ts';
import { ED25519_KEY_SIZE, ED25519_SIGNATURE_SIZE } from '../../ed25519.ts';
import { HASH_SIZE } from '../../sha256.ts';
import { parseStreamId } from '../stream-id.ts';
import { badShape, readBytes, readCount, readMembers, readText } from './shape.ts';

/** The last entry of a published tree: it commits to the heads of all streams in the entries before it. */
export interface StateRoot {
  readonly kind: 'state-root';
  /** Root of the stream index over the entries before this one. */
  readonly index: Uint8Array;
  /** Streams in that index. */
  readonly streams: number;
  /** Entries before this one, so its own leaf index. */
  readonly size: number;
  /** Seconds since 1970 by the clock of the log. */
  readonly timeSeconds: number;
}

/** From the next statement on the log signs with `key`. */
export interface LogKey {
  readonly kind: 'log-key';
  readonly key: Uint8Array;
  /** Signature of `key` over `logKeyProof`: who announces a key has it. */
  readonly proof: Uint8Array;
}

/** From the next statement on this version of the reducers holds. */
export interface LogProtocol {
  readonly kind: 'log-protocol';
  readonly version: number;
}

/** The log refused a statement. */
export interface Denial {
  readonly kind: 'denial';
  readonly stream: string;
  /** Id of the statement that was refused. */
  readonly statement: Uint8Array;
  /** Code of the refusal (spec/refusals.md). */
  readonly code: string;
  /** The rule that refused. */
  readonly rule: string;
}

/** Free text, for audit streams. */
export interface Note {
  readonly kind: 'note';
  readonly text: string;
}

/** Last second of the year 9999: sums with it stay exact. */
export const MAX_TIME_SECONDS = 253_402_300_799;

/** Longest text of a note in bytes of UTF-8. */
export const MAX_NOTE_SIZE = 4096;

const CODE = /^[a-z][a-z0-9-]{0,63}$/;
const RULE = /^[a-z][a-zA-Z0-9.-]{0,127}$/;

export function readStateRoot(value: CborValue): StateRoot {
  const of = readMembers(value, 'payload', ['index', 'streams', 'size', 'time']);
  return {
    kind: 'state-root',
    index: readBytes(of('index'), 'index', HASH_SIZE),
    streams: readCount(of('streams'), 'streams'),
    size: readCount(of('size'), 'size'),
    timeSeconds: readCount(of('time'), 'time', 0, MAX_TIME_SECONDS),
  };
}

export function readLogKey(value: CborValue): LogKey {
  const of = readMembers(value, 'payload', ['key', 'proof']);
  return {
    kind: 'log-key',
    key: readBytes(of('key'), 'key', ED25519_KEY_SIZE),
    proof: readBytes(of('proof'), 'proof', ED25519_SIGNATURE_SIZE),
  };
}

export function readLogProtocol(value: CborValue): LogProtocol {
  const of = readMembers(value, 'payload', ['version']);
  return { kind: 'log-protocol', version: readCount(of('version'), 'version', 1) };
}

export function readDenial(value: CborValue): Denial {
  const of = readMembers(value, 'payload', ['stream', 'statement', 'code', 'rule']);
  const stream = of('stream');
  if (typeof stream !== 'string' || parseStreamId(stream) === undefined)
    badShape('stream must be a stream id');
  return {
    kind: 'denial',
    stream,
    statement: readBytes(of('statement'), 'statement', HASH_SIZE),
    code: readText(of('code'), 'code', CODE, 'the code of a refusal'),
    rule: readText(of('rule'), 'rule', RULE, 'the path of a rule'),
  };
}

export function readNote(value: CborValue): Note {
  if (typeof value !== 'string' || value === '' || utf8(value).length > MAX_NOTE_SIZE)
    badShape(`must be text of 1 to ${MAX_NOTE_SIZE} bytes`);
  return { kind: 'note', text: value };
}

/** A payload of these kinds as a CBOR value. */
export function logValue(payload: StateRoot | LogKey | LogProtocol | Denial | Note): CborValue {
  switch (payload.kind) {
    case 'note':
      return payload.text;
    case 'state-root':
      return new CborMap([
        ['index', payload.index],
        ['streams', payload.streams],
        ['size', payload.size],
        ['time', payload.timeSeconds],
      ]);
    case 'log-key':
      return new CborMap([
        ['key', payload.key],
        ['proof', payload.proof],
      ]);
    case 'log-protocol':
      return new CborMap([['version', payload.version]]);
    case 'denial':
      return new CborMap([
        ['stream', payload.stream],
        ['statement', payload.statement],
        ['code', payload.code],
        ['rule', payload.rule],
      ]);
  }
}
