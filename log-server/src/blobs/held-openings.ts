// Openings on their way into the log. An opening is durable before its statement is sequenced, so it has to go again when
// the log refuses the statement: else a member could fill the disk with statements that are never admitted.

import { formatHex } from '@writ/core/bytes';
import type { BlobStore } from './store.ts';

/** Says what became of the statement. `isKept`: it is in the log, or nobody knows. */
export type Release = (isKept: boolean) => Promise<void>;

/** Statements under way that share one opening. */
interface Hold {
  holders: number;
  isKept: boolean;
  /** Whether the opening was there before: then it belongs to a statement in the log. */
  readonly wasThere: Promise<boolean>;
}

/** Openings that are written at a time, each to an open file: a batch brings up to a thousand at once. */
export const MAX_WRITES = 32;

export class HeldOpenings {
  readonly store: BlobStore;
  readonly #holds = new Map<string, Hold>();
  readonly #removals = new Map<string, Promise<void>>();
  #writing = 0;
  /** Writes that wait for their turn. */
  readonly #turns: (() => void)[] = [];

  constructor(store: BlobStore) {
    this.store = store;
  }

  /** Makes an opening durable under its commitment; the caller calls what this gives, once. LogError as `BlobStore.write`. */
  async hold(commitment: Uint8Array, opening: Uint8Array): Promise<Release> {
    const name = formatHex(commitment);
    while (this.#removals.has(name)) await this.#removals.get(name);
    // From here to the first await nothing comes between.
    const hold = this.#holds.get(name) ?? this.#write(commitment, opening);
    this.#holds.set(name, hold);
    hold.holders++;
    const release: Release = async (isKept) => {
      hold.isKept ||= isKept;
      hold.holders--;
      if (hold.holders > 0) return;
      this.#holds.delete(name);
      if (!hold.isKept) await this.#remove(name, commitment, hold);
    };
    try {
      await hold.wasThere;
    } catch (error) {
      await release(false);
      throw error;
    }
    return release;
  }

  #write(commitment: Uint8Array, opening: Uint8Array): Hold {
    const write = async (): Promise<boolean> => {
      if (this.#writing === MAX_WRITES)
        await new Promise<void>((resolve) => this.#turns.push(resolve));
      else this.#writing++;
      try {
        const wasThere = await this.store.has(commitment);
        await this.store.write(commitment, [opening]);
        return wasThere;
      } finally {
        const next = this.#turns.shift();
        if (next === undefined) this.#writing--;
        else next(); // which has the turn of this one
      }
    };
    return { holders: 0, isKept: false, wasThere: write() };
  }

  // What cannot be removed stays: it takes room, and harms nobody.
  #remove(name: string, commitment: Uint8Array, { wasThere }: Hold): Promise<void> {
    const removal = wasThere
      .then((was) => (was ? undefined : this.store.remove(commitment)))
      .catch(() => undefined)
      .then(() => void this.#removals.delete(name));
    this.#removals.set(name, removal);
    return removal;
  }
}
