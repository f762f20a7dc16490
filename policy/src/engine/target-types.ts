// The one registry of target types, and the canonical ids of targets: `<type>:<value>` (spec/selectors.md section 2).
//
//   vm:101   poe-port:1/A1   switch:core-2   ssh-host:backup

import { formatPort, parsePort } from './port.ts';

/** How the value of an id is spelled: a number or a name, a number alone, a port, a port or the name of an interface. */
export type ValueShape = 'name' | 'number' | 'port' | 'interface';

export interface TargetType {
  readonly id: string;
  readonly shape: ValueShape;
  /** Goes before the value in a label. */
  readonly noun: string;
  readonly description: string;
}

/** Longest value of an id, in characters. */
export const MAX_VALUE_LENGTH = 128;
/** Highest number that an id can be. */
export const MAX_NUMBER = 999_999_999;

const ROWS: readonly TargetType[] = [
  row('vm', 'name', 'VM', 'a virtual machine or container of a hypervisor'),
  row('host', 'name', 'Host', 'the machine that a driver manages, such as a hypervisor node'),
  row('switch', 'name', 'Switch', 'a switch or a stack as a whole'),
  row('stack-member', 'number', 'Stack member', 'one switch of a stack'),
  row('port', 'port', 'Port', 'a physical port of a switch'),
  row('poe-port', 'port', 'PoE port', 'the power side of a port'),
  row('interface', 'interface', 'Interface', 'the network side of a port, or a named interface'),
  row('ups', 'name', 'UPS', 'an uninterruptible power supply'),
  row('outlet', 'name', 'Outlet', 'a switched outlet of a UPS or a power strip'),
  row('ssh-host', 'name', 'SSH host', 'a machine that is reached over SSH'),
  row('http-endpoint', 'name', 'HTTP endpoint', 'a configured address that takes web hooks'),
  row('command', 'name', 'Command', 'a local command by the name that the node allows it under'),
];

/** Every target type by its id. Drivers and policies may use these and no other. */
export const TARGET_TYPES: ReadonlyMap<string, TargetType> = new Map(
  ROWS.map((type) => [type.id, type]),
);

const DIGITS = /^[0-9]+$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,8})$/;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?$/;
const INTERFACE_NAME = /^[A-Za-z](?:[A-Za-z0-9._@/-]*[A-Za-z0-9])?$/;
const LOOKS_LIKE_RANGE = /^[0-9]+-[0-9]+$/;

/** The canonical value that `text` spells for targets of `type`; undefined when it spells none. */
export function canonicalValue(type: string, text: string): string | undefined {
  if (text.length > MAX_VALUE_LENGTH) return undefined;
  switch (TARGET_TYPES.get(type)?.shape) {
    case 'number':
      return NUMBER.test(text) ? text : undefined;
    case 'name':
      return isName(text) ? text : undefined;
    case 'port':
      return canonicalPort(text);
    case 'interface':
      return canonicalPort(text) ?? (isInterfaceName(text) ? text : undefined);
    case undefined:
      return undefined;
  }
}

/** Type and value of a canonical id; undefined for anything else, other spellings of the same target included. */
export function parseTargetId(id: string): { type: string; value: string } | undefined {
  const colon = id.indexOf(':');
  const [type, value] = [id.slice(0, colon), id.slice(colon + 1)];
  return colon > 0 && canonicalValue(type, value) === value ? { type, value } : undefined;
}

/** The canonical id of `value`, which is a canonical value of `type`. */
export function formatTargetId(type: string, value: string): string {
  return `${type}:${value}`;
}

/** What people read for a canonical id, such as `PoE port 1/A1`; the id itself where it is none. */
export function targetLabel(id: string): string {
  const parsed = parseTargetId(id);
  const noun = parsed && TARGET_TYPES.get(parsed.type)?.noun;
  return parsed === undefined || noun === undefined ? id : `${noun} ${parsed.value}`;
}

/** True where `a-b` between two numbers is a range and not a name. */
export function hasNumbers(shape: ValueShape): boolean {
  return shape === 'name' || shape === 'number';
}

function row(id: string, shape: ValueShape, noun: string, description: string): TargetType {
  return { id, shape, noun, description };
}

function canonicalPort(text: string): string | undefined {
  const port = parsePort(text);
  return port && formatPort(port);
}

// 007 would be a second spelling of 7, and 10-20 is how a range is written.
function isName(text: string): boolean {
  if (DIGITS.test(text)) return NUMBER.test(text);
  return NAME.test(text) && !LOOKS_LIKE_RANGE.test(text);
}

// A1-B4 is a range of ports before it is a name.
function isInterfaceName(text: string): boolean {
  if (!INTERFACE_NAME.test(text)) return false;
  const [from = '', to = ''] = text.split('-');
  return text.split('-').length !== 2 || !parsePort(from) || !parsePort(to);
}
