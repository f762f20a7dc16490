// Private villages in a log in memory: statements are sealed, and their openings lie beside the log.

import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { encodePayload, openPayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { commitmentOf, type SealedStatement, signSealed } from '@writ/core/statements/sealed';
import { decodeStatement } from '@writ/core/statements/statement';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import type { Outcome } from '@writ/core/streams/refusal';
import { constitution, keyOf, LOG_KEY, START, VILLAGE, World } from './village-world.ts';

/** A salt for tests, which anybody could guess. */
export function saltOf(label: string): Uint8Array {
  return sha256(utf8(`salt of ${label}`));
}

export class PrivateWorld extends World {
  readonly openings = new Map<string, Uint8Array>();

  find = (commitment: Uint8Array): Uint8Array | undefined =>
    this.openings.get(formatHex(commitment));

  /** The sealed statement that the holder of the key `label` would make now. */
  sealed(stream: string, payload: Payload, label: string): SealedStatement {
    const head = this.states.get(stream)?.head;
    const fields = {
      kind: payload.kind,
      stream,
      seq: head === undefined ? 0 : head.seq + 1,
      previous: head?.id ?? null,
      payload: encodePayload(payload),
    };
    const salt = saltOf(formatHex(concatBytes(head?.id ?? new Uint8Array(0), fields.payload)));
    return signSealed(fields, salt, keyOf(label));
  }

  /** What the reducers say to a sealed statement with its opening, or without. */
  offerSealed({ bytes, opening }: SealedStatement, isOpened = true): Outcome<StreamState> {
    const statement = decodeStatement(bytes);
    const step = { statement, payload: openPayload(statement, isOpened ? opening : undefined) };
    const index = this.entries.length;
    const outcome = reduce(this.states, step, contextAt(this.states, index, LOG_KEY.publicKey));
    if (!outcome.admitted) return outcome;
    this.states.set(statement.stream, outcome.state);
    this.entries.push({ index, bytes });
    this.openings.set(formatHex(commitmentOf(opening)), opening);
    return outcome;
  }

  /** Appends a sealed statement and returns its id; throws when it is refused. */
  seal(stream: string, payload: Payload, label: string): Uint8Array {
    const outcome = this.offerSealed(this.sealed(stream, payload, label));
    if (!outcome.admitted) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`);
    return outcome.state.head.id;
  }

  /** Code and rule of the refusal of a sealed statement. */
  whySealed(stream: string, payload: Payload, label: string, isOpened = true): string {
    const outcome = this.offerSealed(this.sealed(stream, payload, label), isOpened);
    if (outcome.admitted) throw new Error('admitted');
    return `${outcome.refusal.code} by ${outcome.refusal.rule}`;
  }
}

/** A world with a private village, founded by Ada. */
export function privateWorld(fields: Partial<Constitution> = {}): PrivateWorld {
  const world = new PrivateWorld();
  world.setTime(START);
  const law = constitution({ visibility: 'private', ...fields });
  world.seal(VILLAGE, { kind: 'village-create', name: 'North Grid', constitution: law }, 'ada');
  return world;
}
