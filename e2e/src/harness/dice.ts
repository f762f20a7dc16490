// Seeded chance: a test that failed is run again with the seed that it printed.

import { concatBytes, formatHex, readUint64, uint64, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';

/** Numbers that depend on the seed and on how many were drawn before, and on nothing else. */
export class Dice {
  readonly seed: string;
  readonly #seedBytes: Uint8Array;
  #draws = 0n;

  /** `seed` is any text, for example from WRIT_SEED. */
  constructor(seed: string) {
    this.seed = seed;
    this.#seedBytes = utf8(seed);
  }

  /** `length` bytes, at most 32. */
  bytes(length: number): Uint8Array {
    return sha256(concatBytes(this.#seedBytes, uint64(this.#draws++))).slice(0, length);
  }

  /** A whole number, low <= n <= high. */
  between(low: number, high: number): number {
    return low + Number(readUint64(this.bytes(8), 0) % BigInt(high - low + 1));
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.between(1, n) === 1;
  }

  /** 16 hex digits that no other draw gives. */
  word(): string {
    return formatHex(this.bytes(8));
  }
}

/** Dice with the seed in WRIT_SEED, or with a fresh one; prints the seed under `title`. */
export function throwDice(title: string): Dice {
  const fresh = formatHex(globalThis.crypto.getRandomValues(new Uint8Array(8)));
  const dice = new Dice(process.env['WRIT_SEED'] ?? fresh);
  process.stdout.write(`${title}: WRIT_SEED=${dice.seed}\n`);
  return dice;
}
