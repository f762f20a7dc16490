// What a verification looked at, step by step, so that every front end tells the same story.
//
// A step that holds and a step that fails have the same shape: the JSON of a command, its explanation in
// words and a page that draws the proof all read `Trace.steps`.

import { type ErrorCode, type ErrorDetail, isLogError } from '@writ/core/errors';

/** One check. Every field is always there; those that have nothing to say are empty. */
export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly got: string;
  /** Why the step holds, or what contradicts it. */
  readonly why: string;
  /** Code of the error when it does not hold. */
  readonly code: ErrorCode | '';
}

/** What a step that holds has to say for itself. */
export interface StepFacts {
  readonly why: string;
  readonly expected?: string;
  readonly got?: string;
}

/** Collects the steps of one verification, in the order in which they were checked. */
export class Trace {
  readonly steps: Step[] = [];

  /** Records a step that holds. */
  pass(name: string, { why, expected = '', got = '' }: StepFacts): void {
    this.steps.push({ name, ok: true, expected, got, why, code: '' });
  }

  /** Records the LogError that ended a step; anything else is no verdict and is not recorded. */
  fail(name: string, error: unknown): void {
    if (!isLogError(error)) return;
    const { code, message, detail } = error;
    const [expected, got] = [fact(detail, 'expected'), fact(detail, 'got')];
    this.steps.push({ name, ok: false, expected, got, why: message, code });
  }
}

function fact(detail: ErrorDetail, name: string): string {
  const value = detail[name];
  return value === undefined ? '' : String(value);
}

/** Runs one check and records how it ended. `tell` is called only when somebody listens. */
export function step<T>(
  trace: Trace | undefined,
  name: string,
  check: () => T,
  tell: (value: T) => StepFacts,
): T {
  if (trace === undefined) return check();
  try {
    const value = check();
    trace.pass(name, tell(value));
    return value;
  } catch (error) {
    trace.fail(name, error);
    throw error;
  }
}
