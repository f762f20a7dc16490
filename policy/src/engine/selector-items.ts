// Lists and ranges: `101, 120-122`, `1/A1-1/A16, 2/A7` (spec/selectors.md section 3).

import { comparePorts, formatPort, isSameSlot, type Port, parsePort } from './port.ts';
import { malformed, quoted, SelectorFault } from './selector-fault.ts';
import { canonicalValue, formatTargetId, hasNumbers, TARGET_TYPES } from './target-types.ts';

/** Longest text of a list. */
export const MAX_LIST_LENGTH = 16_384;
/** Most targets that a selector may mean. */
export const MAX_EXPANSION = 4096;

export type SelectorItem =
  | { readonly kind: 'one'; readonly value: string }
  | { readonly kind: 'numbers'; readonly from: number; readonly to: number }
  | { readonly kind: 'ports'; readonly from: Port; readonly to: Port };

/** Reads a list. Throws SelectorFault. */
export function parseItems(text: string, type: string): readonly SelectorItem[] {
  if (text.length > MAX_LIST_LENGTH)
    throw new SelectorFault(
      'selector-too-large',
      `a list has at most ${MAX_LIST_LENGTH} characters; write ranges, or a query`,
    );
  const items = text.split(',').map((part, i) => parseItem(trim(part), type, i + 1));
  const targets = items.reduce((sum, item) => sum + (sizeOf(item) ?? 1), 0);
  if (targets > MAX_EXPANSION)
    throw new SelectorFault(
      'selector-too-large',
      `the list means ${targets} targets; at most ${MAX_EXPANSION} are allowed`,
    );
  return items;
}

/** The canonical text; `parseItems` gives the same items for it. */
export function formatItems(items: readonly SelectorItem[]): string {
  return items.map(formatItem).join(', ');
}

/** The canonical text of one item. */
export function formatItem(item: SelectorItem): string {
  if (item.kind === 'one') return item.value;
  if (item.kind === 'numbers') return `${item.from}-${item.to}`;
  return `${formatPort(item.from)}-${formatPort(item.to)}`;
}

export type PortRange = SelectorItem & { readonly kind: 'ports' };

/** True for a range over more than one slot, which only an inventory can tell the targets of. */
export function isRun(item: SelectorItem): item is PortRange {
  return item.kind === 'ports' && !isSameSlot(item.from, item.to);
}

/** The canonical ids of an item that is no run, in the order of their numbers. */
export function expandItem(item: SelectorItem, type: string): string[] {
  if (item.kind === 'one') return [formatTargetId(type, item.value)];
  const { from, to } = item;
  if (typeof from === 'number' || typeof to === 'number')
    return numbersFrom(Number(from), Number(to)).map((number) =>
      formatTargetId(type, String(number)),
    );
  return numbersFrom(from.number, to.number).map((number) =>
    formatTargetId(type, formatPort({ ...from, number })),
  );
}

function numbersFrom(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** How many targets an item means; undefined for a run. */
function sizeOf(item: SelectorItem): number | undefined {
  if (item.kind === 'one') return 1;
  if (item.kind === 'numbers') return item.to - item.from + 1;
  const { from, to } = item;
  return isSameSlot(from, to) ? to.number - from.number + 1 : undefined;
}

function parseItem(text: string, type: string, place: number): SelectorItem {
  if (text === '') malformed(`item ${place} is empty: one comma too many?`);
  const spelled = withoutType(text, type, place);
  if (isSpace(spelled.charCodeAt(0)))
    malformed(`item ${place}, ${quoted(text)}, has a space in it`);
  const range = parseRange(spelled, type);
  if (range !== undefined) {
    if (isReversed(range))
      throw new SelectorFault(
        'selector-range-reversed',
        `item ${place}, ${formatItem(range)}, runs backwards: write the lower end first`,
      );
    return range;
  }
  const value = canonicalValue(type, spelled);
  if (value === undefined)
    malformed(`item ${place}, ${quoted(text)}, is no ${type}: write ${exampleOf(type)}`);
  return { kind: 'one', value };
}

// A canonical id may be written in full, if it is of the type that the policy acts on.
function withoutType(text: string, type: string, place: number): string {
  const colon = text.indexOf(':');
  if (colon < 0) return text;
  const prefix = text.slice(0, colon);
  if (prefix === type) return text.slice(colon + 1);
  if (!TARGET_TYPES.has(prefix))
    malformed(`item ${place}, ${quoted(text)}, has an unknown target type before the colon`);
  throw new SelectorFault(
    'selector-type-mismatch',
    `item ${place}, ${quoted(text)}, is a ${prefix}, but the policy acts on targets of type ${type}`,
  );
}

function parseRange(text: string, type: string): SelectorItem | undefined {
  const hyphen = text.indexOf('-');
  if (hyphen < 0) return undefined;
  const [left, right] = [trim(text.slice(0, hyphen)), trim(text.slice(hyphen + 1))];
  const shape = TARGET_TYPES.get(type)?.shape;
  if (shape !== undefined && hasNumbers(shape)) {
    if (!isNumber(left, type) || !isNumber(right, type)) return undefined;
    return { kind: 'numbers', from: Number(left), to: Number(right) };
  }
  const [from, to] = [parsePort(left), parsePort(right)];
  return from && to && { kind: 'ports', from, to };
}

function isNumber(text: string, type: string): boolean {
  return /^[0-9]+$/.test(text) && canonicalValue(type, text) !== undefined;
}

function isReversed(item: SelectorItem): boolean {
  if (item.kind === 'numbers') return item.from > item.to;
  return item.kind === 'ports' && comparePorts(item.from, item.to) > 0;
}

function exampleOf(type: string): string {
  switch (TARGET_TYPES.get(type)?.shape) {
    case 'number':
      return '1 or 1-4, without leading zeros';
    case 'port':
      return '24, A1, 1/24, 1/A1, 2/0/24 or a range such as 1/A1-1/A16';
    case 'interface':
      return '1/24, 1/A1, a range such as 1/A1-1/A16, or a name such as eth0';
    default:
      return 'a number such as 101, a range such as 101-109, or an id such as core-2';
  }
}

// Space, tab and line ends; other white space is a character that does not belong there.
function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
}
