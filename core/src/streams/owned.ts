// What streams of nodes and packages have in common: no gap, and one owner (spec/villages.md section 11).

import { formatHex } from '../bytes.ts';
import type { Statement } from '../statements/statement.ts';
import type { Context } from './context.ts';
import { checkPosition, type Head, headOf } from './position.ts';
import { refuse } from './refusal.ts';

/** A stream that belongs to the key of its first statement. */
export interface Owned {
  readonly head: Head;
  /** Key id in hexadecimal. */
  readonly owner: string;
}

/** State of the stream of a package, whose kinds come with rules of their own. */
export interface OwnedState extends Owned {
  readonly family: 'package';
}

/** The owner of a stream and its head behind `statement`; `before` is undefined before the first. Inside `settle`. */
export function continueOwned(
  before: Owned | undefined,
  statement: Statement,
  { index }: Context,
): Owned {
  checkPosition(statement, before?.head);
  const keyId = formatHex(statement.keyId);
  const owner = before?.owner ?? keyId;
  if (owner !== keyId) refuse('author-not-owner', 'stream.owner', undefined, { expected: owner });
  return { head: headOf(statement, index), owner };
}
