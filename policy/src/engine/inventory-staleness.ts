// When an inventory is too old, and how an operator may say that it will do (spec/inventory.md section 4).

import { controlCharacterAt } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Stamp } from './inventory-index.ts';
import type { HostInventory } from './inventory-merge.ts';

/** An inventory is old when a row of it was last seen longer ago than this. */
export const STALE_AFTER_MS: number = 30_000;
/** Longest time for which an override holds. */
export const MAX_OVERRIDE_MS: number = 24 * 3600 * 1000;
/** Longest reason of an override. */
export const MAX_OVERRIDE_REASON = 500;

const MIN_OVERRIDE_REASON = 10;
const HOST = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The word of an operator that an old inventory may be used. Who may give it, and its record, are the caller's. */
export interface StalenessOverride {
  readonly host_id: string;
  /** Why; shown wherever the inventory is used. */
  readonly reason: string;
  /** Who gave it: thumbprint of the key, or the name of the account. */
  readonly by: string;
  readonly from_ms: number;
  /** It holds before this time. */
  readonly until_ms: number;
}

/** What a transcript says of the inventory that was used. */
export interface JudgedInventory extends Stamp {
  /** The override that let an old inventory pass; null: none was needed, or none held. */
  readonly override: StalenessOverride | null;
}

export interface StalenessOptions {
  readonly nowMs: number;
  readonly staleAfterMs?: number | undefined;
  readonly override?: StalenessOverride | undefined;
  /** The host that is judged; an override of another one does not count. */
  readonly hostId?: string | undefined;
  /** Only these rows count; all unless given. */
  readonly ids?: readonly string[] | undefined;
}

/**
 * How old `inventory` is: the time of its oldest row, and whether that is too long ago. Exactly `staleAfterMs` is not
 * yet too long. A row that says why it was not seen, and one from the future, is old whatever its time.
 */
export function judgeInventory(
  inventory: HostInventory,
  { nowMs, staleAfterMs = STALE_AFTER_MS, override, hostId, ids }: StalenessOptions,
): JudgedInventory {
  let oldestMs = inventory.fullMs ?? Number.POSITIVE_INFINITY;
  let old = 0;
  let seen = 0;
  let first: string | null = null;
  const judged = ids === undefined ? inventory.rows.values() : rowsOf(inventory, ids);
  for (const { timeMs, reason } of judged) {
    seen++;
    if (timeMs < oldestMs || seen === 1) oldestMs = timeMs;
    const isOld = reason !== null || nowMs - timeMs > staleAfterMs || timeMs > nowMs;
    if (!isOld) continue;
    old++;
    first ??= reason;
  }
  const timeMs = Number.isFinite(oldestMs) ? oldestMs : 0;
  const emptyReason = seen === 0 ? emptyOf(inventory, nowMs, staleAfterMs) : null;
  const reason = old > 0 ? describe(old, seen, first) : emptyReason;
  if (reason === null) return { timeMs, stale: false, reason, override: null };
  if (override === undefined || !holds(override, hostId, nowMs))
    return { timeMs, stale: true, reason, override: null };
  return { timeMs, stale: false, reason: `${reason}; accepted: ${override.reason}`, override };
}

/** Reads an override as an operator sends it. LogError `request-invalid`. */
export function readStalenessOverride(value: unknown): StalenessOverride {
  const members = new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
  const text = (name: string, most: number): string => {
    const member: unknown = members.get(name);
    const isOneLine =
      typeof member === 'string' && controlCharacterAt(member) < 0 && !member.includes('\n');
    if (!isOneLine || member.length > most)
      throw new LogError(
        'request-invalid',
        `${name} must be one line of ${most} characters at most`,
      );
    return member;
  };
  const time = (name: string): number => {
    const member: unknown = members.get(name);
    if (typeof member !== 'number' || !Number.isSafeInteger(member) || member < 0)
      throw new LogError('request-invalid', `${name} must be milliseconds since 1970`);
    return member;
  };
  const [host_id, reason, by] = [
    text('host_id', 36),
    text('reason', MAX_OVERRIDE_REASON),
    text('by', 128),
  ];
  const [from_ms, until_ms] = [time('from_ms'), time('until_ms')];
  if (members.size !== 5) throw new LogError('request-invalid', 'the override has unknown members');
  if (!HOST.test(host_id))
    throw new LogError('request-invalid', 'host_id must be a UUID in lower case');
  if (reason.trim().length < MIN_OVERRIDE_REASON)
    throw new LogError(
      'request-invalid',
      `reason must say why, in ${MIN_OVERRIDE_REASON} characters or more`,
    );
  if (by === '') throw new LogError('request-invalid', 'by must say who');
  if (until_ms <= from_ms || until_ms - from_ms > MAX_OVERRIDE_MS)
    throw new LogError('request-invalid', 'an override ends after it begins, and within 24 hours');
  return { host_id, reason, by, from_ms, until_ms };
}

function* rowsOf({ rows }: HostInventory, ids: readonly string[]) {
  for (const id of ids) {
    const row = rows.get(id);
    if (row !== undefined) yield row;
  }
}

function holds(override: StalenessOverride, hostId: string | undefined, nowMs: number): boolean {
  return override.host_id === hostId && nowMs >= override.from_ms && nowMs < override.until_ms;
}

// A host without targets has no row to judge by: its last full discovery counts.
function emptyOf({ fullMs }: HostInventory, nowMs: number, staleAfterMs: number): string | null {
  if (fullMs === null) return 'no discovery has listed the host yet';
  return nowMs - fullMs > staleAfterMs || fullMs > nowMs ? 'the last full discovery is old' : null;
}

function describe(old: number, seen: number, reason: string | null): string {
  const why = reason === null ? 'not seen lately' : reason;
  return `${old} of ${seen} targets are old: ${why}`;
}
