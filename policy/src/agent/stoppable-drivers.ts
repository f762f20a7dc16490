// The drivers as the engine reaches them: when the node stops, nothing more is begun.

import type { VerifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverCall } from '../engine/driver-manifest.ts';
import type { CallResult } from './driver-host.ts';
import type { DriverPort } from './policy-run.ts';

export class StoppableDrivers implements DriverPort {
  readonly #drivers: DriverPort;
  #isStopped = false;

  constructor(drivers: DriverPort) {
    this.#drivers = drivers;
  }

  /** From now on each call fails at once, and nothing was done. */
  stop(): void {
    this.#isStopped = true;
  }

  async call(host: string, driver: VerifiedDriverDigest, call: DriverCall): Promise<CallResult> {
    if (!this.#isStopped) return this.#drivers.call(host, driver, call);
    const message = 'the node stops: it was not begun';
    return { failure: { code: 'driver-cancelled', severity: 'error', message, outcome: 'none' } };
  }
}
