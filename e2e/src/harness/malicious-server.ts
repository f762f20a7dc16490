// A server that lies: it takes the pages of an honest log and changes them in every way that its seed brings up.

import { concatBytes, parseUtf8, utf8 } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import type { Dice } from './dice.ts';

/** What a lie is made of. */
export interface Material {
  readonly dice: Dice;
  /** The honest answer. */
  readonly honest: Uint8Array;
  /** Another honest page: of another tree, stream or position. */
  readonly other: Uint8Array;
}

/** One way to lie, and the codes with which a reader may refuse it; none: whatever it is. */
export interface Lie {
  readonly name: string;
  readonly codes: readonly string[];
  /** undefined when it cannot be done to this page. */
  readonly tell: (material: Material) => Uint8Array | undefined;
}

type Items = readonly CborValue[];

/** A whole number from 0 to below `count`. */
function below(dice: Dice, count: number): number {
  return dice.between(0, Math.max(1, count) - 1);
}

// Positions in a page and in the stream proof of it.
const PROOF = 1;
const CONSISTENCY = 3;
const PLACES = 4;
const SPANS = 5;
const NOTE = 2;
const STATE_ROOT = 3;
const STATE_ROOT_PROOF = 4;
const INDEX_PROOF = 5;
const HEAD = 6;
const FROM = 7;
const ENTRIES = 8;

const MALFORMED = 'stream-proof-malformed';

export const LIES: readonly Lie[] = [
  { name: 'bit flipped', codes: [], tell: ({ dice, honest }) => flip(dice, honest) },
  {
    name: 'cut off',
    codes: [MALFORMED],
    tell: ({ dice, honest }) => honest.slice(0, below(dice, honest.length)),
  },
  {
    name: 'extended',
    codes: [MALFORMED],
    tell: ({ dice, honest }) => concatBytes(honest, Uint8Array.of(below(dice, 256))),
  },
  {
    name: 'statement left out',
    codes: ['stream-incomplete', 'inclusion-failed', MALFORMED],
    tell: leaveOut,
  },
  { name: 'statements reordered', codes: ['stream-incomplete'], tell: reorder },
  { name: 'statement repeated', codes: ['stream-incomplete', MALFORMED], tell: repeat },
  {
    name: 'end hidden',
    codes: ['index-proof-failed', 'stream-incomplete', 'stream-rolled-back'],
    tell: hideEnd,
  },
  {
    name: 'start skipped',
    codes: ['stream-incomplete', 'stream-rolled-back', MALFORMED],
    tell: skipStart,
  },
  graft('checkpoint of another tree', NOTE, [
    'inclusion-failed',
    'state-root-invalid',
    'checkpoint-rolled-back',
  ]),
  graft('state root of another tree', STATE_ROOT, ['inclusion-failed']),
  graft('state root proof of another tree', STATE_ROOT_PROOF, ['inclusion-failed']),
  graft('index proof of another stream', INDEX_PROOF, ['index-proof-failed', MALFORMED]),
  graft('head of another tree', HEAD, ['index-proof-failed', MALFORMED, 'stream-incomplete']),
  graft('statements of another page', ENTRIES, [
    'stream-incomplete',
    'index-proof-failed',
    'inclusion-failed',
    MALFORMED,
  ]),
  {
    name: 'cosignature removed',
    codes: ['quorum-not-met'],
    tell: (material) => withNote(material, (lines) => lines.slice(0, -1)),
  },
  {
    name: 'cosignature duplicated in place of another',
    codes: ['quorum-not-met', 'note-malformed', 'note-bad-signature'],
    tell: (material) => withNote(material, (lines) => [...lines.slice(0, -1), lines.at(-2) ?? '']),
  },
  {
    name: 'consistency proof changed',
    codes: ['consistency-failed', 'fork-detected'],
    tell: ({ dice, honest }) =>
      change(honest, (page) => {
        const hashes = list(page[CONSISTENCY]);
        return hashes.length === 0 ? undefined : put(page, CONSISTENCY, damage(dice, hashes));
      }),
  },
  {
    name: 'place moved',
    codes: ['inclusion-failed', 'stream-incomplete', 'state-root-invalid', MALFORMED],
    tell: ({ dice, honest }) => withPlace(dice, honest, 0, (index) => shift(dice, index)),
  },
  {
    name: 'place in another span',
    codes: ['state-root-invalid', MALFORMED],
    tell: ({ dice, honest }) => withPlace(dice, honest, 1, (span) => shift(dice, span)),
  },
  {
    name: 'spans of another page',
    codes: [],
    tell: ({ honest, other }) =>
      change(honest, (page) => put(page, SPANS, open(other)[SPANS] ?? null)),
  },
  { name: 'anything changed', codes: [], tell: ({ dice, honest }) => mutate(dice, honest, honest) },
  {
    name: 'anything exchanged',
    codes: [],
    tell: ({ dice, honest, other }) => mutate(dice, honest, other),
  },
];

function list(value: CborValue | undefined): Items {
  return Array.isArray(value) ? value : [];
}

function open(page: Uint8Array): Items {
  return list(decodeCbor(page));
}

function openProof(page: Uint8Array): Items {
  const proof = open(page)[PROOF];
  return proof instanceof Uint8Array ? list(decodeCbor(proof)) : [];
}

function put(items: Items, at: number, value: CborValue): Items {
  return items.with(at, value);
}

function change(page: Uint8Array, how: (page: Items) => Items | undefined): Uint8Array | undefined {
  const changed = how(open(page));
  return changed === undefined ? undefined : encodeCbor(changed);
}

function changeProof(
  page: Uint8Array,
  how: (proof: Items) => Items | undefined,
  places: (places: Items) => Items = (same) => same,
): Uint8Array | undefined {
  const proof = how(openProof(page));
  if (proof === undefined) return undefined;
  return change(page, (items) =>
    put(put(items, PROOF, encodeCbor(proof)), PLACES, places(list(items[PLACES]))),
  );
}

function without(items: Items, at: number): Items {
  return items.toSpliced(at, 1);
}

function leaveOut({ dice, honest }: Material): Uint8Array | undefined {
  const { length } = list(openProof(honest)[ENTRIES]);
  if (length === 0) return undefined;
  const at = below(dice, length);
  return changeProof(
    honest,
    (proof) => put(proof, ENTRIES, without(list(proof[ENTRIES]), at)),
    (places) => without(places, at),
  );
}

function reorder({ dice, honest }: Material): Uint8Array | undefined {
  const { length } = list(openProof(honest)[ENTRIES]);
  if (length < 2) return undefined;
  const at = below(dice, length - 1);
  const swap = (items: Items): Items =>
    items.with(at, items[at + 1] ?? null).with(at + 1, items[at] ?? null);
  return changeProof(honest, (proof) => put(proof, ENTRIES, swap(list(proof[ENTRIES]))), swap);
}

function repeat({ dice, honest }: Material): Uint8Array | undefined {
  const { length } = list(openProof(honest)[ENTRIES]);
  if (length === 0) return undefined;
  const at = below(dice, length);
  const twice = (items: Items): Items => items.toSpliced(at, 0, items[at] ?? null);
  return changeProof(honest, (proof) => put(proof, ENTRIES, twice(list(proof[ENTRIES]))), twice);
}

/** As if the stream ended before its last statement. */
function hideEnd({ honest }: Material): Uint8Array | undefined {
  const proof = openProof(honest);
  const entries = list(proof[ENTRIES]);
  const [seq, , id] = list(proof[HEAD]);
  const from = proof[FROM];
  if (entries.length === 0 || typeof seq !== 'number' || seq === 0 || proof[9] !== null)
    return undefined;
  const places = list(open(honest)[PLACES]);
  const leaf = list(places.at(-2))[0] ?? 0;
  return changeProof(
    honest,
    (items) =>
      put(
        put(put(items, HEAD, [seq - 1, leaf, id ?? null]), ENTRIES, entries.slice(0, -1)),
        FROM,
        from ?? 0,
      ),
    (all) => all.slice(0, -1),
  );
}

/** As if less had been asked for. */
function skipStart({ honest }: Material): Uint8Array | undefined {
  const proof = openProof(honest);
  const from = proof[FROM];
  if (list(proof[ENTRIES]).length === 0 || typeof from !== 'number') return undefined;
  return changeProof(
    honest,
    (items) => put(put(items, FROM, from + 1), ENTRIES, list(items[ENTRIES]).slice(1)),
    (places) => places.slice(1),
  );
}

function graft(name: string, field: number, codes: readonly string[]): Lie {
  return {
    name,
    codes,
    tell: ({ honest, other }) => {
      const foreign = openProof(other)[field] ?? null;
      return changeProof(honest, (proof) => put(proof, field, foreign));
    },
  };
}

function withNote(
  { honest }: Material,
  how: (lines: readonly string[]) => readonly string[],
): Uint8Array | undefined {
  return changeProof(honest, (proof) => {
    const note = proof[NOTE];
    const text = note instanceof Uint8Array ? (parseUtf8(note) ?? '') : '';
    const split = text.indexOf('\n\n') + 2;
    const lines = text.slice(split).split('\n').slice(0, -1);
    return put(proof, NOTE, utf8(`${text.slice(0, split)}${how(lines).join('\n')}\n`));
  });
}

function withPlace(
  dice: Dice,
  honest: Uint8Array,
  field: number,
  how: (value: number) => number,
): Uint8Array | undefined {
  return change(honest, (page) => {
    const places = list(page[PLACES]);
    if (places.length === 0) return undefined;
    const at = below(dice, places.length);
    const place = list(places[at]);
    const value = place[field];
    if (typeof value !== 'number') return undefined;
    return put(page, PLACES, places.with(at, place.with(field, how(value))));
  });
}

function shift(dice: Dice, value: number): number {
  return value > 0 && below(dice, 2) === 0 ? value - 1 : value + 1;
}

function flip(dice: Dice, bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  const at = below(dice, bytes.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << below(dice, 8));
  return changed;
}

function damage(dice: Dice, hashes: Items): Items {
  const at = below(dice, hashes.length);
  const hash = hashes[at];
  return hash instanceof Uint8Array && below(dice, 2) === 0
    ? hashes.with(at, flip(dice, hash))
    : without(hashes, at);
}

/** Goes down a random way and changes what it finds, or takes what `other` has at the same place. */
function mutate(dice: Dice, honest: Uint8Array, other: Uint8Array): Uint8Array {
  return encodeCbor(mutated(dice, decodeCbor(honest), decodeCbor(other)));
}

function mutated(dice: Dice, value: CborValue, other: CborValue | undefined): CborValue {
  if (Array.isArray(value) && value.length > 0 && below(dice, 8) > 0) {
    const items: Items = value;
    const at = below(dice, items.length);
    return items.with(at, mutated(dice, items[at] ?? null, list(other)[at]));
  }
  if (isNested(value) && below(dice, 8) > 0) {
    const inner = other instanceof Uint8Array && isNested(other) ? decodeCbor(other) : undefined;
    return encodeCbor(mutated(dice, decodeCbor(value), inner));
  }
  if (other !== undefined && below(dice, 3) > 0) return other;
  if (Array.isArray(value)) return mutatedList(dice, value);
  if (value instanceof Uint8Array) return value.length === 0 ? null : flip(dice, value);
  if (typeof value === 'number') return shift(dice, value);
  const odd: Items = [null, 0, '', 'log', new Uint8Array(32)];
  return odd[below(dice, odd.length)] ?? null;
}

function mutatedList(dice: Dice, items: Items): Items {
  const at = below(dice, items.length);
  const item = items[at];
  if (item === undefined || below(dice, 3) === 0) return [...items, items[0] ?? null];
  return below(dice, 2) === 0 ? without(items, at) : items.toSpliced(at, 0, item);
}

/** A byte string that is an array of the profile: the stream proof in a page. */
function isNested(value: CborValue): value is Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array) || value.length < 40) return false;
  try {
    return Array.isArray(decodeCbor(value));
  } catch {
    return false;
  }
}
