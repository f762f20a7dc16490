// How old the verified state is (spec/policy-engine.md section 6). Two clocks are asked, and the one that says more is
// believed: setting a clock back must not make old news fresh, nor an exception last.

import type { Instant } from './outbox.ts';

/** A node whose clock is farther behind its witnesses than this does not know how old its state is. */
export const MAX_BEHIND_MS = 300_000;

export class Freshness {
  #witnessedMs: number | undefined;
  /** When `#witnessedMs` was learnt, and how old it was then. */
  #steadyMs = 0;
  #ageMs = 0;
  #pass: { readonly wallMs: number; readonly steadyMs: number } | undefined;

  /** The witnesses signed the state in force at `timeSeconds` since 1970. The same time again does not make it younger. */
  learn(timeSeconds: number, { wallMs, steadyMs }: Instant): void {
    const witnessedMs = timeSeconds * 1000;
    if (witnessedMs === this.#witnessedMs) return;
    this.#witnessedMs = witnessedMs;
    this.#steadyMs = steadyMs;
    this.#ageMs = Math.max(0, wallMs - witnessedMs);
  }

  /** Age of the state in seconds; infinite where nobody knows. */
  ageSeconds({ wallMs, steadyMs }: Instant): number {
    const witnessedMs = this.#witnessedMs;
    if (witnessedMs === undefined || wallMs < witnessedMs - MAX_BEHIND_MS)
      return Number.POSITIVE_INFINITY;
    const bySteady = this.#ageMs + (steadyMs - this.#steadyMs);
    return Math.max(wallMs - witnessedMs, bySteady) / 1000;
  }

  /** Lets a state of any age pass until `untilSeconds` since 1970; undefined takes that back. */
  allow(untilSeconds: number | undefined, { wallMs, steadyMs }: Instant): void {
    if (untilSeconds === undefined) this.#pass = undefined;
    else {
      const untilMs = untilSeconds * 1000;
      this.#pass = { wallMs: untilMs, steadyMs: steadyMs + Math.max(0, untilMs - wallMs) };
    }
  }

  /** Whether a pass holds. */
  isAllowed({ wallMs, steadyMs }: Instant): boolean {
    return this.#pass !== undefined && wallMs < this.#pass.wallMs && steadyMs < this.#pass.steadyMs;
  }
}
