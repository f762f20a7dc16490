// A statement that is in the log, as the reducers of the projection see it.

import type { Payload } from '@writ/core/statements/kinds';
import type { Statement } from '@writ/core/statements/statement';
import type { PolicyVersion } from '@writ/core/streams/village-state';
import type { Draft } from './draft.ts';

/** A statement and where it stands; `timeSeconds` is that of the state root before it. */
export interface Committed {
  readonly statement: Statement;
  readonly payload: Payload;
  readonly index: number;
  readonly timeSeconds: number;
}

/** A point of the log. */
export interface Point {
  readonly leaf_index: number;
  readonly time: number;
}

/** What reducers may ask: the rows before the statement, and what the log says about earlier statements. */
export interface Ground {
  readonly rows: Draft;
  /** The version of a policy that the statement at `index` put in force; undefined: it did not. */
  activated(village: string, policy: string, index: number): PolicyVersion | undefined;
  /** The statement with this id, which is in the log. */
  statementOf(id: Uint8Array): Promise<{ readonly payload: Payload; readonly index: number }>;
}
