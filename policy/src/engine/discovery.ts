// What a driver answers when it is asked for targets, read strictly (spec/inventory.md section 2).
//
//   {"items": [{"id": "vm:101", "name": "web-1", "labels": {"tier": "web"}, "state": "running"}],
//    "complete": ["vm"], "absent": [], "failures": [{"type": "host", "id": null, "reason": "permission denied"}]}

import { controlCharacterAt } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { InventoryItem } from './driver-manifest.ts';
import { MAX_TARGETS } from './inventory-index.ts';
import { parseTargetId, TARGET_TYPES, targetLabel } from './target-types.ts';

/** Longest name, label, label value and reason, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 256;
/** Most labels of one target. */
export const MAX_LABELS = 32;
/** Most failures and absences of one answer. */
export const MAX_FAILURES = 4096;

/** Why targets are missing from an answer. */
export interface DiscoveryFailure {
  /** null: of every type. */
  readonly type: string | null;
  /** null: every target of the type. */
  readonly id: string | null;
  readonly reason: string;
}

export interface Discovery {
  readonly items: readonly InventoryItem[];
  /** Types of which every target is listed: what is not among the items is gone. */
  readonly complete: readonly string[];
  /** Ids that were asked for and do not exist. */
  readonly absent: readonly string[];
  readonly failures: readonly DiscoveryFailure[];
}

const LABEL_KEY = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/;
// Characters that turn the reading direction make one name look like another.
const TURNING = /[\u202a-\u202e\u2066-\u2069]/;

/**
 * Reads the answer of a driver. A row that breaks a rule becomes a failure of its own and spoils no other, and a
 * type with such a row does not count as complete. LogError `response-malformed` when the answer as a whole is not
 * of this shape or lists more than MAX_TARGETS.
 */
export function readDiscovery(answer: unknown): Discovery {
  const members = membersOf(answer) ?? broken('the answer is not an object');
  const rows = listOf(members.get('items'), 'items', MAX_TARGETS);
  const failures = listOf(members.get('failures') ?? [], 'failures', MAX_FAILURES).map(readFailure);
  const items = new Map<string, InventoryItem>();
  for (const row of rows) {
    const read = readItem(row);
    if ('reason' in read) failures.push(read);
    else if (items.has(read.id))
      failures.push({ type: read.type, id: read.id, reason: 'the driver listed it twice' });
    else items.set(read.id, read);
  }
  const spoilt = new Set(failures.map(({ type }) => type));
  const complete = textsOf(members.get('complete'), 'complete', TARGET_TYPES.size);
  return {
    items: [...items.values()],
    complete: spoilt.has(null) ? [] : complete.filter((type) => !spoilt.has(type)),
    absent: textsOf(members.get('absent'), 'absent', MAX_FAILURES),
    failures: failures.slice(0, MAX_FAILURES),
  };
}

function readItem(row: unknown): InventoryItem | DiscoveryFailure {
  const members = membersOf(row) ?? new Map<string, unknown>();
  const id = members.get('id');
  const target = typeof id === 'string' ? parseTargetId(id) : undefined;
  if (typeof id !== 'string' || target === undefined)
    return { type: null, id: null, reason: 'a row has no canonical id' };
  const { type } = target;
  const fail = (what: string): DiscoveryFailure => ({
    type,
    id,
    reason: `${what} of the row is not valid`,
  });
  const name = plainText(members.get('name'));
  const label =
    members.get('label') === undefined ? targetLabel(id) : plainText(members.get('label'));
  const state = members.get('state') ?? null;
  const labels = readLabels(members.get('labels') ?? {});
  if (name === undefined) return fail('name');
  if (label === undefined) return fail('label');
  if (labels === undefined) return fail('labels');
  if (state === null) return { id, type, name, label, labels, state };
  const known = plainText(state);
  return known === undefined ? fail('state') : { id, type, name, label, labels, state: known };
}

function readLabels(value: unknown): { readonly [name: string]: string } | undefined {
  const members = membersOf(value);
  if (members === undefined || members.size > MAX_LABELS) return undefined;
  const labels: [string, string][] = [];
  for (const [key, member] of members) {
    const text = plainText(member);
    if (!LABEL_KEY.test(key) || text === undefined) return undefined;
    labels.push([key, text]);
  }
  // Object.fromEntries makes members of their own even of names that a prototype has.
  return Object.fromEntries(labels);
}

function readFailure(value: unknown): DiscoveryFailure {
  const members = membersOf(value) ?? broken('a failure is not an object');
  const [type = null, id = null] = [members.get('type'), members.get('id')];
  const reason = plainText(members.get('reason')) ?? broken('the reason of a failure is not valid');
  if (type !== null && (typeof type !== 'string' || !TARGET_TYPES.has(type)))
    broken('the type of a failure is not one of the registry');
  if (id === null) return { type, id, reason };
  const target = typeof id === 'string' ? parseTargetId(id) : undefined;
  if (typeof id !== 'string' || target === undefined || (type !== null && target.type !== type))
    return broken('the id of a failure is not canonical');
  return { type: target.type, id, reason };
}

function plainText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_TEXT_LENGTH) return undefined;
  const isOneLine = controlCharacterAt(value) < 0 && !value.includes('\n');
  return isOneLine && !TURNING.test(value) && value.isWellFormed() ? value : undefined;
}

function textsOf(value: unknown, title: string, most: number): string[] {
  return listOf(value ?? [], title, most).map((text) =>
    typeof text === 'string' ? text : broken(`${title} is not a list of texts`),
  );
}

function listOf(value: unknown, title: string, most: number): unknown[] {
  if (!Array.isArray(value)) broken(`${title} is not a list`);
  if (value.length > most) broken(`${title} has more than ${most} members`);
  return value;
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value));
}

function broken(message: string): never {
  throw new LogError('response-malformed', `inventory of the driver: ${message}`);
}
