// What every command gets: the arguments, the surroundings, and the trace that its report is made of.

import { parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { OpenOptions } from '../checkpoint.ts';
import { Trace } from '../trace.ts';
import type { Invocation } from './args.ts';
import { readInput } from './inputs.ts';
import type { Claim } from './report.ts';

/** The world outside of the process, handed in by main. */
export interface Surroundings {
  nowSeconds(): number;
  readonly fetch: typeof fetch;
  /** Resolves after a while; for pauses before a second try. */
  sleep(ms: number): Promise<void>;
  /** A signal that fires when `ms` have passed. */
  timeout(ms: number): AbortSignal;
  /** Shows a line of talk that the next one replaces; does nothing where nobody watches. */
  progress(line: string): void;
  /** The file that was started: workers run it again. */
  readonly entryUrl: URL;
}

/** A command. It answers what it verified, or throws. */
export type Command = (context: Context) => Promise<Claim>;

/** One run of one command. */
export class Context {
  readonly invocation: Invocation;
  readonly surroundings: Surroundings;
  readonly trace: Trace = new Trace();

  constructor(invocation: Invocation, surroundings: Surroundings) {
    this.invocation = invocation;
    this.surroundings = surroundings;
  }

  /** The operand at `at`, which the command line guarantees. */
  operand(at: number): string {
    const operand = this.invocation.operands[at];
    if (operand === undefined) throw new LogError('usage', `operand ${at + 1} is missing`);
    return operand;
  }

  value(name: string): string | undefined {
    return this.invocation.values.get(name);
  }

  has(name: string): boolean {
    return this.invocation.switches.has(name);
  }

  /** An option that is a whole number from `min` to `max`. LogError usage otherwise. */
  number(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const value = parseSafeDecimal(text);
    if (value === undefined || value < min || value > max)
      throw new LogError(
        'usage',
        `--${name} must be a whole number from ${min} to ${max}, got ${text}`,
      );
    return value;
  }

  /** The trust policy of `--policy`. Without one nothing can be verified: LogError nothing-to-verify. */
  policy(): TrustPolicy {
    const file = this.value('policy');
    if (file === undefined)
      throw new LogError(
        'nothing-to-verify',
        'no trust policy: --policy FILE says whom to believe',
      );
    return parsePolicy(readInput(file, 'policy'));
  }

  /** Trace, clock and maximal age for the functions of the library. */
  openOptions(): OpenOptions {
    const maxAge = this.number('max-age', 0);
    return {
      trace: this.trace,
      nowSeconds: BigInt(this.surroundings.nowSeconds()),
      maxAgeSeconds: maxAge === undefined ? undefined : BigInt(maxAge),
    };
  }
}
