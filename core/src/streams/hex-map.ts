// A map that changes by sharing: `set` and `delete` return a new map and copy the few nodes on the way, so that
// the state of a village before a statement stays what it was and the state after it costs little.
//
// A trie over the hexadecimal digits of its keys. Iteration is in the order of the keys.

interface Leaf<Value> {
  readonly key: string;
  readonly value: Value;
}

type Branch<Value> = readonly (Slot<Value> | undefined)[];
type Slot<Value> = Leaf<Value> | Branch<Value>;

const FAN_OUT = 16;
const EMPTY: readonly undefined[] = new Array<undefined>(FAN_OUT).fill(undefined);

/**
 * Keys are texts of one length in a-f, 0-9 and hyphens, with the hyphens in the same places: statement ids, key
 * ids, UUIDs.
 */
export class HexMap<Value> implements Iterable<readonly [string, Value]> {
  readonly size: number;
  readonly #root: Branch<Value>;

  private constructor(root: Branch<Value>, size: number) {
    this.#root = root;
    this.size = size;
  }

  static of<Value>(entries: Iterable<readonly [string, Value]> = []): HexMap<Value> {
    let map = new HexMap<Value>(EMPTY, 0);
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  get(key: string): Value | undefined {
    let slot: Slot<Value> | undefined = this.#root;
    for (let depth = 0; slot !== undefined && isBranch(slot); depth++)
      slot = slot[digitAt(key, depth)];
    return slot?.key === key ? slot.value : undefined;
  }

  set(key: string, value: Value): HexMap<Value> {
    const isNew = this.get(key) === undefined;
    return new HexMap(put(this.#root, { key, value }, 0), this.size + (isNew ? 1 : 0));
  }

  delete(key: string): HexMap<Value> {
    if (this.get(key) === undefined) return this;
    return new HexMap(remove(this.#root, key, 0), this.size - 1);
  }

  *[Symbol.iterator](): Generator<readonly [string, Value]> {
    for (const { key, value } of leavesOf(this.#root)) yield [key, value];
  }

  *values(): Generator<Value> {
    for (const { value } of leavesOf(this.#root)) yield value;
  }
}

function isBranch<Value>(slot: Slot<Value>): slot is Branch<Value> {
  return Array.isArray(slot);
}

// The hyphens of a UUID become one digit or another, the same for all keys.
function digitAt(key: string, depth: number): number {
  const code = key.charCodeAt(depth);
  return (code < 0x3a ? code : code - 0x57) % FAN_OUT;
}

function put<Value>(branch: Branch<Value>, leaf: Leaf<Value>, depth: number): Branch<Value> {
  const copy = branch.slice();
  const at = digitAt(leaf.key, depth);
  const slot = copy[at];
  if (slot === undefined || (!isBranch(slot) && slot.key === leaf.key)) copy[at] = leaf;
  else if (isBranch(slot)) copy[at] = put(slot, leaf, depth + 1);
  else copy[at] = put(put(EMPTY, slot, depth + 1), leaf, depth + 1);
  return copy;
}

function remove<Value>(branch: Branch<Value>, key: string, depth: number): Branch<Value> {
  const copy = branch.slice();
  const at = digitAt(key, depth);
  const slot = copy[at];
  copy[at] =
    slot !== undefined && isBranch(slot) ? collapse(remove(slot, key, depth + 1)) : undefined;
  return copy;
}

// A branch that is not needed any more goes, or a map in which much comes and goes would only ever grow.
function collapse<Value>(branch: Branch<Value>): Slot<Value> | undefined {
  let only: Slot<Value> | undefined;
  for (const slot of branch) {
    if (slot === undefined) continue;
    if (only !== undefined) return branch;
    only = slot;
  }
  return only !== undefined && isBranch(only) ? branch : only;
}

// A list, because a generator for each branch costs several times as much.
function leavesOf<Value>(branch: Branch<Value>, leaves: Leaf<Value>[] = []): Leaf<Value>[] {
  for (const slot of branch) {
    if (slot === undefined) continue;
    if (isBranch(slot)) leavesOf(slot, leaves);
    else leaves.push(slot);
  }
  return leaves;
}
