// One stream in the course of a pass: page follows on page, and no page takes back what another one showed
// (spec/follow.md section 4).

import { equalBytes } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { StreamState } from '@writ/core/streams/reduce';
import type { VerifiedStream } from '../stream.ts';
import type { PlacedStatement, VerifiedPage } from './page.ts';

/** What is known of one stream: that it ends with `seq` in the tree of `size`. */
interface Known {
  readonly seq: number;
  readonly id: Uint8Array | null;
  readonly size: number;
}

/** The pages of one stream, one behind the other. */
export class StreamReading {
  readonly stream: string;
  readonly statements: PlacedStatement[] = [];
  /** True once a page reached the head. */
  isComplete = false;
  #known: Known;
  #next: number;
  #last: Uint8Array | null;

  /** `size`: the tree in which the stream ended with `state`; 0 where nobody looked. */
  constructor(stream: string, state: StreamState | undefined, size: number) {
    this.stream = stream;
    const { seq, id } = state?.head ?? { seq: -1, id: null };
    this.#known = { seq, id, size };
    this.#next = seq + 1;
    this.#last = id;
  }

  /** Where the next page has to start. */
  get want(): { readonly stream: string; readonly from: number } {
    return { stream: this.stream, from: this.#next };
  }

  /** True when a statement at or behind leaf `size` was seen. */
  reaches(size: number): boolean {
    return (this.statements.at(-1)?.leafIndex ?? -1) >= size;
  }

  /**
   * Takes the next page. LogError stream-rolled-back, stream-incomplete, and state-root-invalid when an earlier state
   * root left a statement out.
   */
  add({ stream: page, statements }: VerifiedPage): void {
    this.#requireKept(page);
    if (page.from !== this.#next)
      throw this.#fault('stream-incomplete', 'the page starts elsewhere', page.from);
    const [first] = page.statements;
    const before = first === undefined ? (page.head?.statementId ?? null) : first.previous;
    if (!isSame(before, this.#last))
      throw this.#fault('stream-incomplete', 'the page does not continue what was read', page.from);
    for (const placed of statements) this.#requireInTime(placed);
    this.statements.push(...statements);
    this.#next = page.next;
    this.#last = page.statements.at(-1)?.id ?? this.#last;
    this.isComplete = page.isComplete;
    const { seq = -1, statementId = null } = page.head ?? {};
    this.#known = { seq, id: statementId, size: Number(page.checkpoint.size) };
  }

  #requireKept({ head }: VerifiedStream): void {
    const { seq, id } = this.#known;
    const got = head?.seq ?? -1;
    if (got < seq)
      throw this.#fault('stream-rolled-back', 'the stream ends before what was accepted', got);
    if (got === seq && !isSame(head?.statementId ?? null, id))
      throw this.#fault('stream-incomplete', 'the stream ends with another statement', got);
  }

  // A statement in a tree whose state root says that the stream ends earlier: that state root was false.
  #requireInTime({ statement: { seq, id }, leafIndex }: PlacedStatement): void {
    const { seq: end, id: endId, size } = this.#known;
    if (seq > end && leafIndex < size) {
      const message = `the state root of the tree of ${size} entries left out number ${seq} of ${this.stream}`;
      throw new LogError('state-root-invalid', message, { reason: 'omission', index: leafIndex });
    }
    if (seq === end && !isSame(id, endId))
      throw this.#fault('stream-incomplete', 'it is not the statement that was the head', seq);
  }

  #fault(code: 'stream-incomplete' | 'stream-rolled-back', message: string, got: number): LogError {
    const detail = { stream: this.stream, expected: this.#next, got };
    return new LogError(code, `${this.stream}: ${message}`, detail);
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
