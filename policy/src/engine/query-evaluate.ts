// What a query means: a set of the targets of an inventory.

import { compileGlob, compileGlobScan, globNeedle, globParts, globPrefix } from './glob.ts';
import type { InventoryIndex } from './inventory-index.ts';
import { visitNamesWith } from './name-text.ts';
import { PositionSet } from './position-set.ts';
import { SelectorFault } from './selector-fault.ts';
import type { Query } from './selector-query.ts';
import { formatTargetId } from './target-types.ts';

// With fewer than one in so many targets left, each is looked at.
const FEW = 16;

/** Most work of the globs of a query: characters, times the parts that the glob needs for one, and VALUE_UNITS a value. */
export const MAX_QUERY_UNITS = 4_000_000;
const VALUE_UNITS = 8;
// A shorter piece is in most names, so that looking for it spares nothing.
const MIN_NEEDLE = 3;

class Effort {
  #left = MAX_QUERY_UNITS;

  /** For `length` characters that a glob of `parts` looks at. */
  spend(length: number, parts: number): void {
    this.#left -= length * parts + VALUE_UNITS;
    if (this.#left < 0)
      throw new SelectorFault(
        'selector-too-large',
        'the globs of the query have too much to look at: begin them with fixed text, or ask for less',
      );
  }
}

interface Scene {
  readonly type: string;
  readonly index: InventoryIndex;
  readonly effort: Effort;
}

type Comparison = Query & { readonly kind: 'compare' };

/**
 * The positions of the targets of `type` that meet `query`. Total: every query means something for every target.
 * SelectorFault selector-too-large when its globs would look at more than MAX_QUERY_UNITS.
 */
export function evaluateQuery(query: Query, type: string, index: InventoryIndex): PositionSet {
  const [start, end] = index.rangeOf(type);
  const all = PositionSet.between(index.items.length, start, end);
  return evaluate(query, { type, index, effort: new Effort() }, all);
}

// Gives what of `among` meets the query; nothing outside of it is looked at.
function evaluate(query: Query, scene: Scene, among: PositionSet): PositionSet {
  switch (query.kind) {
    case 'and':
      return query.parts.reduce((left, part) => evaluate(part, scene, left), among);
    case 'or':
      return query.parts.reduce(
        (found, part) => found.plus(evaluate(part, scene, among.minus(found))),
        new PositionSet(among.size),
      );
    case 'not':
      return among.minus(evaluate(query.part, scene, among));
    case 'compare':
      return compare(query, scene, among);
  }
}

function compare(query: Comparison, scene: Scene, among: PositionSet): PositionSet {
  const { type, index } = scene;
  // Not equal is the contrary of equal: a target without the label is not equal.
  if (query.op === '!=') return among.minus(compare({ ...query, op: '=' }, scene, among));
  const found = new PositionSet(among.size);
  const add = (position: number | undefined): void => {
    if (position !== undefined && among.has(position)) found.add(position);
  };
  if (query.op === '~') addMatches(query, scene, among, add);
  else {
    for (const value of query.values) {
      if (query.field === 'id') add(index.positionOf(formatTargetId(type, value)));
      else if (query.field === 'name') index.named(value).forEach(add);
      else index.labelled(keyOf(query.field)).get(value)?.forEach(add);
    }
  }
  return found;
}

function addMatches(
  { field, values }: Comparison,
  scene: Scene,
  among: PositionSet,
  add: (position: number) => void,
): void {
  const { type, index, effort } = scene;
  const [pattern = ''] = values;
  if (field === 'name') {
    addNames(pattern, scene, among, add);
    return;
  }
  const glob = compileGlob(pattern);
  const parts = globParts(pattern);
  const matches = (value: string): boolean => {
    effort.spend(value.length, parts);
    return glob(value);
  };
  if (field === 'id') {
    const { items } = index;
    const start = type.length + 1;
    const prefix = `${type}:${globPrefix(pattern)}`;
    // Ids are ASCII, in order.
    const end = index.firstFrom(`${prefix}\uffff`);
    for (let at = index.firstFrom(prefix); at < end; at++)
      if (among.has(at) && matches(items[at]?.id.slice(start) ?? '')) add(at);
  } else {
    for (const [value, positions] of index.labelled(keyOf(field)))
      if (matches(value)) positions.forEach(add);
  }
}

function addNames(
  pattern: string,
  { type, index, effort }: Scene,
  among: PositionSet,
  add: (position: number) => void,
): void {
  const { items } = index;
  const isFew = among.count * FEW < among.size;
  const needle = globNeedle(pattern);
  const scan = isFew || needle.length >= MIN_NEEDLE ? undefined : compileGlobScan(pattern);
  if (scan !== undefined) {
    // In the one text of all names, which is faster than to gather them from everywhere.
    const { text, starts } = index.nameText;
    among.forEach((position) => {
      const [from, to] = [starts[position] ?? 0, (starts[position + 1] ?? 0) - 1];
      effort.spend(to - from, 1);
      if (scan(text, from, to)) add(position);
    });
    return;
  }
  const matches = compileGlob(pattern);
  const parts = globParts(pattern);
  const check = (position: number): void => {
    const name = items[position]?.name ?? '';
    effort.spend(name.length, parts);
    if (matches(name)) add(position);
  };
  if (needle === '' || isFew) among.forEach(check);
  else visitNamesWith(index.nameText, needle, index.rangeOf(type), check);
}

function keyOf(field: string): string {
  return field.slice('label.'.length);
}
