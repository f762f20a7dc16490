// The end of a driver call before its answer: by time, or because its caller gives it up.

import type { DriverEnv } from './driver-env.ts';

export type EarlyEnd = 'driver-timeout' | 'driver-cancelled';

/** `reached` resolves `ms` milliseconds from now or when `signal` is aborted; never after `cancel`. */
export function deadline(
  env: DriverEnv,
  ms: number,
  signal: AbortSignal | undefined,
): { reached: Promise<EarlyEnd>; cancel: () => void } {
  let cancel: () => void = () => {};
  const reached = new Promise<EarlyEnd>((resolve) => {
    const stop = env.after(ms, () => resolve('driver-timeout'));
    const abort = (): void => resolve('driver-cancelled');
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    cancel = () => {
      stop();
      signal?.removeEventListener('abort', abort);
    };
  });
  return { reached, cancel };
}
