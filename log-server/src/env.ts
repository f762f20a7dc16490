// The outside world of the log, handed in: clock, randomness, network, talk. Only main.ts makes a real one.

/** Structured log lines, in the shape of pino. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Env {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** A clock that never jumps, in milliseconds; that of the process unless given. */
  monotonicMs?(): number;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
  readonly fetch: typeof globalThis.fetch;
  /** Resolves after `milliseconds`, or earlier when `signal` aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  readonly log: Logger;
}
