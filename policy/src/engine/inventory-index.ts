// An inventory that can be asked: by id, by name, by label, by text (spec/inventory.md section 5).
//
// A snapshot never changes. Its tables are made when they are first needed and shared by every later stamp of it.

import type { Inventory, InventoryItem } from './driver-manifest.ts';
import { buildNameText, type NameText } from './name-text.ts';
import { comparePorts, type Port, parsePort } from './port.ts';
import { buildSearchText, type SearchText } from './search-text.ts';
import { parseTargetId } from './target-types.ts';

/** Most targets of one host. */
export const MAX_TARGETS = 200_000;

/** How old an inventory is, and whether that is too old. */
export type Stamp = Pick<Inventory, 'timeMs' | 'stale' | 'reason'>;

type Postings = ReadonlyMap<string, readonly number[]>;

interface PortRow {
  readonly port: Port;
  readonly id: string;
}

/** The tables behind a snapshot. */
class Tables {
  readonly items: readonly InventoryItem[];
  readonly positions: ReadonlyMap<string, number>;
  #names: Postings | undefined;
  #nameText: NameText | undefined;
  #labels: ReadonlyMap<string, Postings> | undefined;
  #search: SearchText | undefined;
  readonly #ports = new Map<string, readonly PortRow[]>();

  constructor(items: readonly InventoryItem[]) {
    this.items = items;
    this.positions = new Map(items.map(({ id }, position) => [id, position]));
    if (this.positions.size !== items.length) throw new TypeError('an id is in the items twice');
  }

  get names(): Postings {
    this.#names ??= namesOf(this.items);
    return this.#names;
  }

  get labels(): ReadonlyMap<string, Postings> {
    this.#labels ??= labelsOf(this.items);
    return this.#labels;
  }

  get search(): SearchText {
    this.#search ??= buildSearchText(this.items);
    return this.#search;
  }

  get nameText(): NameText {
    this.#nameText ??= buildNameText(this.items);
    return this.#nameText;
  }

  portsOf(type: string, [start, end]: readonly [number, number]): readonly PortRow[] {
    let rows = this.#ports.get(type);
    if (rows === undefined) {
      rows = this.items.slice(start, end).flatMap(({ id }) => {
        const port = parsePort(parseTargetId(id)?.value ?? '');
        return port === undefined ? [] : [{ port, id }];
      });
      rows = rows.toSorted((a, b) => comparePorts(a.port, b.port));
      this.#ports.set(type, rows);
    }
    return rows;
  }
}

/** A snapshot of the targets of one host. */
export class InventoryIndex implements Stamp {
  readonly timeMs: number;
  readonly stale: boolean;
  readonly reason: string | null;
  readonly #tables: Tables;

  private constructor(tables: Tables, { timeMs, stale, reason }: Stamp) {
    this.#tables = tables;
    this.timeMs = timeMs;
    this.stale = stale;
    this.reason = reason;
  }

  /**
   * The index of `inventory`, whose items were read by `readDiscovery`. TypeError for an id that occurs twice,
   * RangeError for more than MAX_TARGETS.
   */
  static build(inventory: Inventory): InventoryIndex {
    if (inventory.items.length > MAX_TARGETS)
      throw new RangeError(`an inventory has at most ${MAX_TARGETS} targets`);
    return new InventoryIndex(new Tables(sortedById(inventory.items)), inventory);
  }

  /** The same targets at another time, without building anything again. */
  stamped(stamp: Stamp): InventoryIndex {
    return new InventoryIndex(this.#tables, stamp);
  }

  /** Every target, by canonical id in code point order. */
  get items(): readonly InventoryItem[] {
    return this.#tables.items;
  }

  get(id: string): InventoryItem | undefined {
    const position = this.#tables.positions.get(id);
    return position === undefined ? undefined : this.#tables.items[position];
  }

  /** Where `id` is among the items; undefined when it is not. */
  positionOf(id: string): number | undefined {
    return this.#tables.positions.get(id);
  }

  /** The positions of the targets of `type`: the first, and the one behind the last. */
  rangeOf(type: string): readonly [number, number] {
    // ';' follows ':' in the code.
    return [this.firstFrom(`${type}:`), this.firstFrom(`${type};`)];
  }

  /** The position of the first id that is not before `id`. */
  firstFrom(id: string): number {
    const { items } = this.#tables;
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((items[middle]?.id ?? '') < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Positions of the targets that are called exactly `name`. */
  named(name: string): readonly number[] {
    return this.#tables.names.get(name) ?? [];
  }

  /** For query-evaluate.ts. */
  get nameText(): NameText {
    return this.#tables.nameText;
  }

  /** The values of label `key`, each with the positions that carry it. */
  labelled(key: string): ReadonlyMap<string, readonly number[]> {
    return this.#tables.labels.get(key) ?? new Map();
  }

  /** The ids of `type` from one port to another, both included, in inventory order. */
  portRun(type: string, from: Port, to: Port): string[] {
    return this.#tables
      .portsOf(type, this.rangeOf(type))
      .filter(({ port }) => comparePorts(from, port) <= 0 && comparePorts(port, to) <= 0)
      .map(({ id }) => id);
  }

  /** For inventory-search.ts. */
  get searchText(): SearchText {
    return this.#tables.search;
  }
}

function sortedById(items: readonly InventoryItem[]): readonly InventoryItem[] {
  const isSorted = items.every(({ id }, i) => i === 0 || (items[i - 1]?.id ?? '') < id);
  return isSorted ? [...items] : items.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function namesOf(items: readonly InventoryItem[]): Postings {
  const names = new Map<string, number[]>();
  for (const [position, { name }] of items.entries()) post(names, name, position);
  return names;
}

function labelsOf(items: readonly InventoryItem[]): ReadonlyMap<string, Postings> {
  const keys = new Map<string, Map<string, number[]>>();
  for (const [position, { labels }] of items.entries()) {
    for (const key of Object.keys(labels)) {
      const values = keys.get(key) ?? new Map<string, number[]>();
      keys.set(key, values);
      post(values, labels[key] ?? '', position);
    }
  }
  return keys;
}

function post(postings: Map<string, number[]>, value: string, position: number): void {
  const positions = postings.get(value);
  if (positions === undefined) postings.set(value, [position]);
  else positions.push(position);
}
