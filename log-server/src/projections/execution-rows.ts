// Rows of executions: each intent with its end, and each batch of suppressions, under its policy.

import { formatHex } from '@writ/core/bytes';
import type {
  ExecutionIntent,
  ExecutionOutcome,
  ExecutionSuppressed,
  ExecutionUnknown,
} from '@writ/core/statements/kinds/node';
import type { Committed } from './committed.ts';
import { type Draft, rowOf } from './draft.ts';
import { executionKey, openIntentKey } from './keys.ts';

/** A statement of a node, its members in JSON: digests in hexadecimal. */
export interface RecordRow {
  readonly kind: string;
  readonly statement_id: string;
  readonly seq: number;
  readonly leaf_index: number;
  readonly time: number;
  readonly [member: string]: unknown;
}

export interface ExecutionRow extends RecordRow {
  readonly node: string;
  readonly village: string;
  /** How an intent ended; null: it has not. */
  readonly end: RecordRow | null;
}

interface NodePlace {
  readonly village: string;
  readonly node: string;
}

/** Takes up an intent or a batch of suppressions of a policy. */
export function projectExecution(
  rows: Draft,
  place: NodePlace,
  payload: ExecutionIntent | ExecutionSuppressed,
  committed: Committed,
): void {
  const { policy } = payload;
  if (policy === null) return;
  const key = executionKey(place.village, policy, committed.index);
  const row: ExecutionRow = { ...recordOf(payload, committed), ...place, end: null };
  rows.put(key, row);
  if (payload.kind !== 'execution-intent') return;
  const { stream, id } = committed.statement;
  rows.put(openIntentKey(stream, formatHex(id)), { key });
}

/** Takes up how an intent ended. */
export async function projectEnd(
  rows: Draft,
  payload: ExecutionOutcome | ExecutionUnknown,
  committed: Committed,
): Promise<void> {
  const open = openIntentKey(committed.statement.stream, formatHex(payload.intent));
  const key = (await rows.read<{ readonly key: string }>(open))?.key;
  if (key === undefined) return;
  rows.delete(open);
  const row = rowOf<ExecutionRow>(await rows.get(key));
  if (row !== undefined) rows.put(key, { ...row, end: recordOf(payload, committed) });
}

function recordOf(
  payload: ExecutionIntent | ExecutionSuppressed | ExecutionOutcome | ExecutionUnknown,
  { statement, index, timeSeconds }: Committed,
): RecordRow {
  const { kind, ...members } = payload;
  return {
    ...plainMembers(members),
    kind,
    statement_id: formatHex(statement.id),
    seq: statement.seq,
    leaf_index: index,
    time: timeSeconds,
  };
}

function plainMembers(members: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return formatHex(value);
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'object' && value !== null ? plainMembers(value) : value;
}
