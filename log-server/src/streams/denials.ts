// Refusals on record: what a village wants to know that the log did not admit (spec/villages.md section 10).

import { isLogError, type LogError } from '@writ/core/errors';
import type { Denial } from '@writ/core/statements/kinds/log';
import type { Step } from '@writ/core/streams/position';
import type { StreamStates } from '@writ/core/streams/reduce';

/** Denials of one village in one minute: a member that is refused again and again must not fill the log. */
export const MAX_DENIALS_PER_MINUTE = 10;

/** A refusal to record, and where. */
export interface PlannedDenial {
  readonly stream: string;
  readonly payload: Denial;
  /** To be sealed: the village is private. */
  readonly isPrivate: boolean;
}

export class Denials {
  #minute = 0;
  readonly #counts = new Map<string, number>();

  /** The denial of a statement that `error` refused, if its village wants one and has room for it. */
  plan(
    step: Step,
    error: LogError,
    states: StreamStates,
    nowSeconds: number,
  ): PlannedDenial | undefined {
    const { statement } = step;
    const { streamId } = statement;
    if (!isLogError(error, 'statement-refused')) return undefined;
    if (streamId.family !== 'village' && streamId.family !== 'inbox') return undefined;
    const state = states.get(`village/${streamId.village}`);
    if (state?.family !== 'village' || !state.law.recordDenials) return undefined;
    if (!this.#take(streamId.village, Math.floor(nowSeconds / 60))) return undefined;
    const payload: Denial = {
      kind: 'denial',
      stream: statement.stream,
      statement: statement.id,
      code: String(error.detail['refusal']),
      rule: String(error.detail['rule']),
    };
    const isPrivate = state.law.visibility === 'private';
    return { stream: `audit/${streamId.village}`, payload, isPrivate };
  }

  #take(village: string, minute: number): boolean {
    if (minute !== this.#minute) this.#counts.clear();
    this.#minute = minute;
    const count = this.#counts.get(village) ?? 0;
    this.#counts.set(village, count + 1);
    return count < MAX_DENIALS_PER_MINUTE;
  }
}
