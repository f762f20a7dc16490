// What the operator gets to read of requests that failed by no fault of the client.

import type { ErrorCode } from '@writ/core/errors';
import type { Logger } from '../env.ts';
import { isOurFault, isRefusal } from './errors.ts';

/** Refusals with one code are said this often at most: under load each would be a line. */
const SAY_EVERY_MS = 1000;

/** Called with the error of every request that failed. */
export type FaultLog = (error: unknown, requestId: string) => void;

/**
 * Says each fault with its stack at error, and refusals (503, 507) at warn without one, at most one line a
 * second for each code, with the number of those that were not said.
 */
export function createFaultLog(log: Logger, monotonicMs: () => number): FaultLog {
  const said = new Map<ErrorCode, { readonly atMs: number; unsaid: number }>();
  return (error, requestId) => {
    if (!isOurFault(error)) return;
    if (!isRefusal(error)) return log.error({ err: error, requestId }, 'a request failed');
    const { code, message: why } = error;
    const last = said.get(code);
    const nowMs = monotonicMs();
    if (last !== undefined && nowMs - last.atMs < SAY_EVERY_MS) {
      last.unsaid++;
      return;
    }
    said.set(code, { atMs: nowMs, unsaid: 0 });
    log.warn({ code, why, requestId, unsaid: last?.unsaid ?? 0 }, 'requests are refused');
  };
}
