// The text that a search runs over: id, name, label and `key=value` of every target in one long string, and a
// filter that names the blocks of targets in which a word can be at all.

import type { InventoryItem } from './driver-manifest.ts';

/** Targets of one block. */
export const BLOCK = 64;

// With fewer targets the filter costs more than it saves.
const FILTER_FROM = 2048;
const BUCKETS = 8192;
const GRAM = 3;
const WORD_BITS = 32;

export interface SearchText {
  /** Lower case; a newline behind every field, so that no match spans two. */
  readonly text: string;
  /** Where each target begins; one more entry for the end. */
  readonly starts: Uint32Array;
  /** For each hash of three characters, one bit a block; undefined for small inventories. */
  readonly filter: Uint32Array | undefined;
}

/** Joins the fields of `items`. */
export function buildSearchText(items: readonly InventoryItem[]): SearchText {
  const parts: string[] = [];
  const starts = new Uint32Array(items.length + 1);
  let length = 0;
  for (const [position, item] of items.entries()) {
    const part = fieldsOf(item).toLowerCase();
    parts.push(part);
    length += part.length;
    starts[position + 1] = length;
  }
  const text = parts.join('');
  const filter = items.length < FILTER_FROM ? undefined : filterOf(text, starts);
  return { text, starts, filter };
}

/** The blocks that can hold all of `words`: pairs of a first block and the one behind the last, in order. */
export function blocksWith(
  { filter, starts }: SearchText,
  words: readonly string[],
): (readonly [number, number])[] {
  const blocks = Math.ceil((starts.length - 1) / BLOCK);
  const grams = words.flatMap(gramsOf);
  if (filter === undefined || grams.length === 0) return [[0, blocks]];
  const width = Math.ceil(blocks / WORD_BITS);
  const runs: [number, number][] = [];
  for (let word = 0; word < width; word++) {
    const bits = grams.reduce((left, gram) => left & (filter[gram * width + word] ?? 0), -1);
    for (let bit = 0; bit < WORD_BITS && bits !== 0; bit++) {
      if (((bits >>> bit) & 1) === 0) continue;
      const block = word * WORD_BITS + bit;
      const last = runs.at(-1);
      if (last?.[1] === block) last[1] = block + 1;
      else runs.push([block, block + 1]);
    }
  }
  return runs;
}

function fieldsOf({ id, name, label, labels }: InventoryItem): string {
  let fields = `${id}\n${name}\n${label}\n`;
  for (const key of Object.keys(labels)) fields += `${key}=${labels[key] ?? ''}\n`;
  return fields;
}

function filterOf(text: string, starts: Uint32Array): Uint32Array {
  const blocks = Math.ceil((starts.length - 1) / BLOCK);
  const width = Math.ceil(blocks / WORD_BITS);
  const filter = new Uint32Array(BUCKETS * width);
  for (let block = 0; block < blocks; block++) {
    const word = Math.floor(block / WORD_BITS);
    const bit = 1 << (block % WORD_BITS);
    const end = starts[Math.min((block + 1) * BLOCK, starts.length - 1)] ?? 0;
    for (let at = starts[block * BLOCK] ?? 0; at + GRAM <= end; at++) {
      const row = gramAt(text, at) * width + word;
      filter[row] = (filter[row] ?? 0) | bit;
    }
  }
  return filter;
}

function gramsOf(word: string): number[] {
  const count = Math.max(0, word.length - GRAM + 1);
  return Array.from({ length: count }, (_, at) => gramAt(word, at));
}

function gramAt(text: string, at: number): number {
  const mixed =
    Math.imul(text.charCodeAt(at), 5147) ^
    Math.imul(text.charCodeAt(at + 1), 211) ^
    text.charCodeAt(at + 2);
  return mixed & (BUCKETS - 1);
}
