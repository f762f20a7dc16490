// Search for people: the targets whose id, name, label or labels hold every word, page by page.

import { LogError } from '@writ/core/errors';
import type { InventoryItem } from './driver-manifest.ts';
import type { InventoryIndex } from './inventory-index.ts';
import { BLOCK, blocksWith, type SearchText } from './search-text.ts';
import { parseTargetId } from './target-types.ts';

/** Longest text of a search. */
export const MAX_SEARCH_LENGTH = 256;
/** Most words of a search. */
export const MAX_SEARCH_WORDS = 6;
/** Most targets of one page. */
export const MAX_PAGE = 500;
/** Targets of a page when nobody says. */
export const DEFAULT_PAGE = 50;

export interface SearchOptions {
  /** 1 to MAX_PAGE. */
  readonly limit?: number | undefined;
  /** The cursor of the page before. */
  readonly cursor?: string | null | undefined;
  /** Only targets of this type. */
  readonly type?: string | undefined;
}

export interface SearchPage {
  /** By canonical id in code point order. */
  readonly items: readonly InventoryItem[];
  /** For the next page: the last id of this one; null: there are no more. */
  readonly cursor: string | null;
}

/**
 * One page of the targets that hold every word of `text`, upper and lower case alike; all of them for no word.
 * A cursor is an id, so it stays good when the inventory changes between two pages. LogError `request-invalid` for
 * a text, limit or cursor out of bounds.
 */
export function searchTargets(
  index: InventoryIndex,
  text: string,
  { limit = DEFAULT_PAGE, cursor = null, type }: SearchOptions = {},
): SearchPage {
  const words = wordsOf(text);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE)
    throw new LogError('request-invalid', `limit must be 1 to ${MAX_PAGE}`);
  const [first, end] = type === undefined ? [0, index.items.length] : index.rangeOf(type);
  const start = Math.max(first, cursor === null ? 0 : positionAfter(index, cursor));
  const found = findWords(index.searchText, words, start, end, limit + 1);
  const items = found.slice(0, limit).flatMap((position) => index.items[position] ?? []);
  return { items, cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null };
}

function wordsOf(text: string): readonly string[] {
  if (text.length > MAX_SEARCH_LENGTH)
    throw new LogError('request-invalid', `a search has at most ${MAX_SEARCH_LENGTH} characters`);
  const words = new Set(text.toLowerCase().split(/\s+/u));
  words.delete('');
  if (words.size > MAX_SEARCH_WORDS)
    throw new LogError('request-invalid', `a search has at most ${MAX_SEARCH_WORDS} words`);
  return [...words].sort((a, b) => b.length - a.length);
}

function positionAfter(index: InventoryIndex, cursor: string): number {
  if (parseTargetId(cursor) === undefined)
    throw new LogError('request-invalid', 'cursor is not one that a page gave');
  const position = index.firstFrom(cursor);
  return index.items[position]?.id === cursor ? position + 1 : position;
}

// The longest word finds the targets, the others are looked for in what it found.
function findWords(
  source: SearchText,
  [main = '', ...others]: readonly string[],
  start: number,
  end: number,
  limit: number,
): number[] {
  const found: number[] = [];
  const { starts } = source;
  for (const [from, to] of blocksWith(source, [main, ...others])) {
    const low = Math.max(start, from * BLOCK);
    const high = Math.min(end, to * BLOCK);
    if (low >= high) continue;
    const base = starts[low] ?? 0;
    const part = source.text.slice(base, starts[high]);
    let position = low;
    while (found.length < limit && position < high) {
      const at = part.indexOf(main, (starts[position] ?? 0) - base);
      if (at < 0) break;
      position = targetAt(starts, base + at, position, high);
      const fields = part.slice((starts[position] ?? 0) - base, (starts[position + 1] ?? 0) - base);
      if (others.every((word) => fields.includes(word))) found.push(position);
      position++;
    }
    if (found.length === limit) break;
  }
  return found;
}

/** The target, from `low` up to `high`, whose fields hold the character at `at`. */
function targetAt(starts: Uint32Array, at: number, low: number, high: number): number {
  let [from, to] = [low, high - 1];
  while (from < to) {
    const middle = Math.ceil((from + to) / 2);
    if ((starts[middle] ?? 0) <= at) from = middle;
    else to = middle - 1;
  }
  return from;
}
