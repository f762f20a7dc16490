// Ports of switches: member of a stack, slot, number (spec/selectors.md section 3).
//
//   1/A1     member 1, slot A, port 1
//   1/24     member 1, slot 1, port 24; also 24 and 1/1/24
//   2/0/24   member 2, slot 0, port 24

/** A port by its place. `slot` is one upper case letter or a decimal number. */
export interface Port {
  readonly member: number;
  readonly slot: string;
  readonly number: number;
}

/** Highest number of a member or a slot. */
export const MAX_MEMBER = 99;
/** Highest number of a port. */
export const MAX_PORT = 9999;

const DEFAULT_MEMBER = 1;
const DEFAULT_SLOT = '1';
const LAST = /^([A-Z])?(0|[1-9][0-9]{0,3})$/;
const SMALL = /^(?:0|[1-9][0-9]?)$/;
const SLOT = /^(?:[A-Z]|0|[1-9][0-9]?)$/;

/** The port that `text` spells in any of its forms; undefined when it spells none. */
export function parsePort(text: string): Port | undefined {
  const parts = text.split('/', 4);
  const last = LAST.exec(parts.at(-1) ?? '');
  if (last === null || parts.length > 3) return undefined;
  const [first = String(DEFAULT_MEMBER), middle] = parts.slice(0, -1);
  const letter = last[1];
  // A slot is said once: 1/A/B1 has two.
  if (!SMALL.test(first) || (middle !== undefined && (letter !== undefined || !SLOT.test(middle))))
    return undefined;
  const slot = middle ?? letter ?? DEFAULT_SLOT;
  return { member: Number(first), slot, number: Number(last[2]) };
}

/** The canonical spelling, the shortest that names the member. */
export function formatPort({ member, slot, number }: Port): string {
  if (slot === DEFAULT_SLOT) return `${member}/${number}`;
  return isLetter(slot) ? `${member}/${slot}${number}` : `${member}/${slot}/${number}`;
}

/** Inventory order: member, then slot (numbers before letters), then number. */
export function comparePorts(a: Port, b: Port): number {
  return a.member - b.member || slotRank(a.slot) - slotRank(b.slot) || a.number - b.number;
}

/** True when both sit in the same slot of the same member. */
export function isSameSlot(a: Port, b: Port): boolean {
  return a.member === b.member && a.slot === b.slot;
}

function isLetter(slot: string): boolean {
  return slot >= 'A';
}

function slotRank(slot: string): number {
  return isLetter(slot) ? MAX_MEMBER + slot.charCodeAt(0) : Number(slot);
}
