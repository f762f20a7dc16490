// The outside world of the witness, handed in. Only main.ts makes a real one.

/** Structured log lines, in the shape of pino. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Env {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  readonly log: Logger;
}
