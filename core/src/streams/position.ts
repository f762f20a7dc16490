// The head of a stream, and the rule that holds on every stream: no gap, one predecessor.

import { equalBytes, formatHex } from '../bytes.ts';
import type { Payload } from '../statements/kinds.ts';
import type { Statement } from '../statements/statement.ts';
import { type Authority, refuse } from './refusal.ts';

/** Last statement of a stream. */
export interface Head {
  readonly seq: number;
  /** Statement id. */
  readonly id: Uint8Array;
  /** Leaf index. */
  readonly index: number;
}

/** A statement with what its payload means; `decodePayload` gives it. The signature is the caller's to check. */
export interface Step {
  readonly statement: Statement;
  readonly payload: Payload;
}

/** Refuses a statement that does not stand behind `head`; undefined: the stream is empty. */
export function checkPosition(statement: Statement, head: Head | undefined): void {
  const seq = head === undefined ? 0 : head.seq + 1;
  if (statement.seq !== seq) {
    refuse('position-wrong', 'stream.seq', `the next statement of this stream has seq ${seq}`, {
      expected: seq,
      got: statement.seq,
    });
  }
  if (head === undefined || statement.previous === null) return;
  if (!equalBytes(statement.previous, head.id)) {
    const detail = { expected: formatHex(head.id), got: formatHex(statement.previous) };
    refuse('predecessor-unknown', 'stream.previous', undefined, detail);
  }
}

/** The head behind `statement` at leaf `index`. */
export function headOf(statement: Statement, index: number): Head {
  return { seq: statement.seq, id: statement.id, index };
}

/** The author outside villages. */
export function stranger(statement: Statement): Authority {
  return { keyId: formatHex(statement.keyId), member: null, constitution: null };
}
