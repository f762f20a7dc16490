// All names of an inventory in one string, which the machine searches faster than one name after the other.

import type { InventoryItem } from './driver-manifest.ts';

export interface NameText {
  /** A newline, then each name with a newline behind it. */
  readonly text: string;
  /** Where each name begins; one more entry for the end. */
  readonly starts: Uint32Array;
}

/** Joins the names of `items`. */
export function buildNameText(items: readonly InventoryItem[]): NameText {
  const starts = new Uint32Array(items.length + 1);
  let length = 1;
  for (const [position, { name }] of items.entries()) {
    starts[position] = length;
    length += name.length + 1;
  }
  starts[items.length] = length;
  return { text: `\n${items.map(({ name }) => `${name}\n`).join('')}`, starts };
}

/**
 * Calls `visit`, in order, with the position of every name from `first` up to `end` around which, newlines included,
 * `needle` occurs, and perhaps with some more.
 */
export function visitNamesWith(
  { text, starts }: NameText,
  needle: string,
  [first, end]: readonly [number, number],
  visit: (position: number) => void,
): void {
  let position = first;
  while (position < end) {
    const at = text.indexOf(needle, (starts[position] ?? 0) - 1);
    if (at < 0) return;
    position = nameAt(starts, at + (needle.startsWith('\n') ? 1 : 0), position, end);
    if (position === end) return;
    visit(position);
    position++;
  }
}

/** The name, from `low` on, that holds the character at `at`; `end` when it is behind. */
function nameAt(starts: Uint32Array, at: number, low: number, end: number): number {
  // The next one is near where there are many.
  let step = 1;
  while (low + step < end && (starts[low + step] ?? 0) <= at) step *= 2;
  let [from, to] = [low, Math.min(end, low + step)];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if ((starts[middle + 1] ?? 0) <= at) from = middle + 1;
    else to = middle;
  }
  return from;
}
