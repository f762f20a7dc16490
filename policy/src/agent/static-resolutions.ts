// What selectors that are resolved once (dynamic_resolution: false) were found to mean when their version first became
// active here. Durable, so that a restart means the same targets (spec/node.md section 3).
//
//   <prefix>k/<policy>   version and targets; the row of a version takes the place of the one before

import { formatHex } from '@writ/core/bytes';
import { readCount, readList } from '@writ/core/statements/kinds/shape';
import type { Resolution } from '../engine/policy-ir.ts';
import type { PolicyRef } from './active-policy.ts';
import type { Journal } from './journal.ts';
import { decodeRow, encodeRow, nullOr, textOf } from './record-row.ts';
import type { EngineSnapshot } from './snapshot.ts';

const NAMES = ['ref', 'ids', 'unresolved', 'inventoryMs', 'reason'];
/** More policies than a village can have in force. */
const MAX_ROWS = 100_000;
/** Targets of one policy; a selector means no more. */
const MAX_IDS = 100_000;

interface Kept {
  readonly ref: string;
  readonly resolution: Resolution;
}

export class StaticResolutions {
  readonly #journal: Journal;
  readonly #prefix: string;
  readonly #kept: Map<string, Kept>;

  private constructor(journal: Journal, prefix: string, kept: Map<string, Kept>) {
    this.#journal = journal;
    this.#prefix = prefix;
    this.#kept = kept;
  }

  /** Reads back what was kept. `prefix` is that of the node's records. LogError storage-corrupt. */
  static async open(journal: Journal, prefix: string): Promise<StaticResolutions> {
    const start = `${prefix}k/`;
    const rows = await journal.rows({ from: start, to: `${start}~`, limit: MAX_ROWS });
    const kept = new Map(
      rows.map(([key, bytes]) => [key.slice(start.length), decodeKept(key, bytes)]),
    );
    return new StaticResolutions(journal, start, kept);
  }

  /** What the selector of that very version meant; undefined when it was never active here. */
  of(ref: PolicyRef): Resolution | undefined {
    const kept = this.#kept.get(ref.id);
    return kept?.ref === refText(ref) ? kept.resolution : undefined;
  }

  /** Keeps what is new in `snapshot`, and lets go of policies that are no longer in force. Durable when it resolves. */
  async keep({ active, idle }: EngineSnapshot): Promise<void> {
    const isStatic = active.filter(({ ir }) => !ir.dynamic_resolution);
    const fresh = isStatic.filter(({ ref }) => this.of(ref) === undefined);
    const present = new Set([...isStatic, ...idle].map(({ ref }) => ref.id));
    const gone = [...this.#kept.keys()].filter((policy) => !present.has(policy));
    if (fresh.length + gone.length === 0) return;
    await this.#journal.run((tx) => {
      for (const policy of gone) tx.delete(`${this.#prefix}${policy}`);
      for (const { ref, resolution } of fresh)
        tx.put(`${this.#prefix}${ref.id}`, encodeRow({ ref: refText(ref), ...resolution }));
    });
    for (const policy of gone) this.#kept.delete(policy);
    for (const { ref, resolution } of fresh)
      this.#kept.set(ref.id, { ref: refText(ref), resolution });
  }
}

function refText({ version, seq, digest }: PolicyRef): string {
  return `${version} ${seq} ${formatHex(digest)}`;
}

function decodeKept(key: string, bytes: Uint8Array): Kept {
  return decodeRow(key, bytes, NAMES, (of) => ({
    ref: textOf(of('ref'), 'ref'),
    resolution: {
      ids: readList(of('ids'), 'ids', [0, MAX_IDS], textOf),
      unresolved: readList(of('unresolved'), 'unresolved', [0, MAX_IDS], textOf),
      inventoryMs: nullOr(of('inventoryMs'), 'inventoryMs', (value, field) =>
        readCount(value, field),
      ),
      reason: nullOr(of('reason'), 'reason', textOf),
    },
  }));
}
