// Seeded chance: a history that failed is played again with its seed.

import { concatBytes, readUint64, uint64, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';

export class Dice {
  readonly #seed: Uint8Array;
  #draws = 0n;

  constructor(seed: string) {
    this.#seed = utf8(seed);
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    const draw = sha256(concatBytes(this.#seed, uint64(this.#draws++)));
    return Number(readUint64(draw, 0) % BigInt(Math.max(1, count)));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}
