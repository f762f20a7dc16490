// Breaking the glass (spec/node.md section 7): an operator lets an old state or an old inventory pass for a while. The
// record is durable before it holds, and a row beside it makes it outlast a restart until its end.
//
//   <prefix>g/<scope>   the newest override of that scope

import { LogError } from '@writ/core/errors';
import { encodePayload } from '@writ/core/statements/kinds';
import { OVERRIDE_SCOPES, type PolicyOverride } from '@writ/core/statements/kinds/node-reports';
import { readCount, readWord } from '@writ/core/statements/kinds/shape';
import type { Journal } from './journal.ts';
import type { Instant, Outbox } from './outbox.ts';
import { decodeRow, encodeRow, textOf } from './record-row.ts';

/** Breaks the glass until a time. */
export interface Override {
  readonly scope: (typeof OVERRIDE_SCOPES)[number];
  readonly operator: string;
  readonly reason: string;
  /** Seconds since 1970. */
  readonly untilSeconds: number;
}

/** Longest time for which an override holds, in seconds. */
export const MAX_OVERRIDE_SECONDS = 86_400;
/** Shortest and longest reason, in characters. */
export const OVERRIDE_REASON = { min: 10, max: 500 } as const;

const NAMES = ['scope', 'operator', 'reason', 'fromMs', 'untilSeconds'];

/** An override with when it began, milliseconds since 1970. */
export interface HeldOverride extends Override {
  readonly fromMs: number;
}

export class Overrides {
  readonly #journal: Journal;
  readonly #outbox: Outbox;
  readonly #hold: (override: HeldOverride) => void;

  /** `hold` makes an override hold; it is called with each one that is on record. */
  constructor(journal: Journal, outbox: Outbox, hold: (override: HeldOverride) => void) {
    this.#journal = journal;
    this.#outbox = outbox;
    this.#hold = hold;
  }

  /**
   * Records an override, and then makes it hold. LogError request-invalid for one that is too long, without a reason, or
   * that no statement can say; overloaded when it cannot be recorded: then it does not hold.
   */
  async begin(
    override: Override,
    now: Instant,
  ): Promise<{ readonly seq: number; readonly id: string }> {
    const fromMs = Math.floor(now.wallMs);
    const { scope, operator, reason, untilSeconds } = override;
    checkTimes(untilSeconds, fromMs);
    const { min, max } = OVERRIDE_REASON;
    if (reason.trim().length < min || reason.length > max)
      throw new LogError('request-invalid', `reason: says why, in ${min} to ${max} characters`);
    const payload: PolicyOverride = {
      ...{ kind: 'policy-override', scope, policy: null, operator, reason },
      ...{ untilSeconds, timeMs: fromMs },
    };
    checkPayload(payload);
    const appended = await this.#journal.run((tx) => {
      const result = this.#outbox.append(tx, payload, now, 'ordinary');
      if (result.kind === 'appended')
        tx.put(this.#key(scope), encodeRow({ scope, operator, reason, fromMs, untilSeconds }));
      return result;
    });
    if (appended.kind === 'refused') {
      const message = `the override cannot be recorded (${appended.code}), so it does not hold: see the records of writ-node status`;
      throw new LogError('overloaded', message);
    }
    this.#hold({ ...override, fromMs });
    return { seq: appended.seq, id: appended.id };
  }

  /** Makes those hold that an earlier run recorded and that are not over. LogError storage-corrupt. */
  restore({ wallMs }: Instant): readonly HeldOverride[] {
    const held = OVERRIDE_SCOPES.flatMap((scope) => {
      const key = this.#key(scope);
      const bytes = this.#journal.get(key);
      return bytes === undefined ? [] : [decodeOverride(key, bytes)];
    });
    // Before its beginning the clock went back: nobody knows how long it held already.
    const present = held.filter(
      ({ fromMs, untilSeconds }) => fromMs <= wallMs && wallMs < untilSeconds * 1000,
    );
    for (const override of present) this.#hold(override);
    return present;
  }

  #key(scope: string): string {
    return `${this.#outbox.prefix}g/${scope}`;
  }
}

function checkTimes(untilSeconds: number, nowMs: number): void {
  const seconds = untilSeconds - nowMs / 1000;
  if (seconds <= 0 || seconds > MAX_OVERRIDE_SECONDS)
    throw new LogError('request-invalid', 'untilSeconds: an override ends within 24 hours');
}

function checkPayload(payload: PolicyOverride): void {
  try {
    encodePayload(payload);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LogError('request-invalid', error.message, {}, error);
  }
}

function decodeOverride(key: string, bytes: Uint8Array): HeldOverride {
  return decodeRow(key, bytes, NAMES, (of) => ({
    scope: readWord(of('scope'), 'scope', OVERRIDE_SCOPES),
    operator: textOf(of('operator'), 'operator'),
    reason: textOf(of('reason'), 'reason'),
    fromMs: readCount(of('fromMs'), 'fromMs'),
    untilSeconds: readCount(of('untilSeconds'), 'untilSeconds'),
  }));
}
