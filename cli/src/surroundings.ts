// The world outside of the process, handed in by main.

import type { LogWorld } from '@writ/policy/agent/log-client';

export interface Surroundings extends LogWorld {
  random(length: number): Uint8Array;
  sleep(ms: number): Promise<void>;
  readonly env: Readonly<Record<string, string | undefined>>;
}
