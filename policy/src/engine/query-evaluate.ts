// What a query means: a set of the targets of an inventory.

import { compileGlob, globNeedle, globPrefix } from './glob.ts';
import type { InventoryIndex } from './inventory-index.ts';
import { visitNamesWith } from './name-text.ts';
import { PositionSet } from './position-set.ts';
import type { Query } from './selector-query.ts';
import { formatTargetId } from './target-types.ts';

// With fewer than one in so many targets left, each is looked at.
const FEW = 16;

type Comparison = Query & { readonly kind: 'compare' };

/** The positions of the targets of `type` that meet `query`. Total: every query means something for every target. */
export function evaluateQuery(query: Query, type: string, index: InventoryIndex): PositionSet {
  const [start, end] = index.rangeOf(type);
  return evaluate(query, type, index, PositionSet.between(index.items.length, start, end));
}

// Gives what of `among` meets the query; nothing outside of it is looked at.
function evaluate(
  query: Query,
  type: string,
  index: InventoryIndex,
  among: PositionSet,
): PositionSet {
  switch (query.kind) {
    case 'and':
      return query.parts.reduce((left, part) => evaluate(part, type, index, left), among);
    case 'or':
      return query.parts.reduce(
        (found, part) => found.plus(evaluate(part, type, index, among.minus(found))),
        new PositionSet(among.size),
      );
    case 'not':
      return among.minus(evaluate(query.part, type, index, among));
    case 'compare':
      return compare(query, type, index, among);
  }
}

function compare(
  query: Comparison,
  type: string,
  index: InventoryIndex,
  among: PositionSet,
): PositionSet {
  // Not equal is the contrary of equal: a target without the label is not equal.
  if (query.op === '!=') return among.minus(compare({ ...query, op: '=' }, type, index, among));
  const found = new PositionSet(among.size);
  const add = (position: number | undefined): void => {
    if (position !== undefined && among.has(position)) found.add(position);
  };
  if (query.op === '~') addMatches(query, type, index, among, add);
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
  type: string,
  index: InventoryIndex,
  among: PositionSet,
  add: (position: number) => void,
): void {
  const [pattern = ''] = values;
  if (field === 'name') {
    addNames(pattern, type, index, among, add);
    return;
  }
  const matches = compileGlob(pattern);
  if (field === 'id') {
    const { items } = index;
    const start = type.length + 1;
    const prefix = `${type}:${globPrefix(pattern)}`;
    // Ids are ASCII, in order.
    const end = index.firstFrom(`${prefix}\uffff`);
    for (let at = index.firstFrom(prefix); at < end; at++)
      if (matches(items[at]?.id.slice(start) ?? '')) add(at);
  } else {
    for (const [value, positions] of index.labelled(keyOf(field)))
      if (matches(value)) positions.forEach(add);
  }
}

function addNames(
  pattern: string,
  type: string,
  index: InventoryIndex,
  among: PositionSet,
  add: (position: number) => void,
): void {
  const { items } = index;
  const matches = compileGlob(pattern);
  const needle = globNeedle(pattern);
  const check = (position: number): void => {
    if (matches(items[position]?.name ?? '')) add(position);
  };
  if (needle === '' || among.count * FEW < among.size) among.forEach(check);
  else visitNamesWith(index.nameText, needle, index.rangeOf(type), check);
}

function keyOf(field: string): string {
  return field.slice('label.'.length);
}
