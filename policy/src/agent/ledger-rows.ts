// The rows of a node's ledger (ledger.ts), as they are in its database.

import { parseHex } from '@writ/core/bytes';
import type { CborValue } from '@writ/core/cbor/value';
import { badShape, readCount, readList, readText } from '@writ/core/statements/kinds/shape';
import { decodeRow, nullOr, textOf } from './record-row.ts';

const SECRET = /^[0-9a-f]{64}$/;
const ANY_LENGTH = [0, Number.MAX_SAFE_INTEGER] as const;

/** The ledger as a whole. */
export interface LedgerMeta {
  /** How often the ledger was opened. */
  readonly run: number;
  /** In hexadecimal: under which idempotency keys are shown in records. */
  readonly secret: string;
  /** Intents that have not ended. */
  readonly open: number;
}

const META = ['run', 'secret', 'open'];

/** LogError storage-corrupt, as all readers here. */
export function decodeLedgerMeta(key: string, bytes: Uint8Array): LedgerMeta {
  return decodeRow(key, bytes, META, (of) => ({
    run: readCount(of('run'), 'run'),
    secret: readText(of('secret'), 'secret', SECRET, '32 bytes in hexadecimal'),
    open: readCount(of('open'), 'open'),
  }));
}

/** Suppressed stimuli that are in no batch yet, and the number that the next one gets. */
export interface Pending {
  readonly count: number;
  readonly next: number;
}

export function decodePending(key: string, bytes: Uint8Array): Pending {
  return decodeRow(key, bytes, ['count', 'next'], (of) => ({
    count: readCount(of('count'), 'count'),
    next: readCount(of('next'), 'next'),
  }));
}

/** When a window began, by which clock of which run, and what began it. */
export interface WindowRow {
  readonly run: number;
  readonly wallMs: number;
  readonly steadyMs: number;
  /** Id of the intent in hexadecimal; for a match without one, of the event. */
  readonly by: string;
  /** Id of the event in hexadecimal. */
  readonly event: string;
}

const WINDOW = ['run', 'wallMs', 'steadyMs', 'by', 'event'];

export function decodeWindow(key: string, bytes: Uint8Array): WindowRow {
  return decodeRow(key, bytes, WINDOW, (of) => ({
    run: readCount(of('run'), 'run'),
    wallMs: readCount(of('wallMs'), 'wallMs'),
    steadyMs: readCount(of('steadyMs'), 'steadyMs'),
    by: textOf(of('by'), 'by'),
    event: textOf(of('event'), 'event'),
  }));
}

/** An intent that has not ended. */
export interface OpenRow {
  readonly policy: string;
  /** Position in the stream; with the policy it names the row of the execution. */
  readonly seq: number;
  readonly targets: readonly string[];
  readonly wallMs: number;
  /** By the steady clock of the run that wrote it. */
  readonly steadyMs: number;
}

export function decodeOpen(key: string, bytes: Uint8Array): OpenRow {
  return decodeRow(key, bytes, ['policy', 'seq', 'targets', 'wallMs', 'steadyMs'], (of) => ({
    policy: textOf(of('policy'), 'policy'),
    seq: readCount(of('seq'), 'seq'),
    targets: readTexts(of('targets'), 'targets'),
    wallMs: readCount(of('wallMs'), 'wallMs'),
    steadyMs: readCount(of('steadyMs'), 'steadyMs'),
  }));
}

export const EXECUTION_STATES = [
  'open',
  'succeeded',
  'failed',
  'skipped',
  'unknown',
  'suppressed',
] as const;

/** One line of the ledger: an intent with its end, or a batch of what was suppressed. */
export interface Execution {
  /** Id of the statement in hexadecimal: of the intent, or of the batch. */
  readonly id: string;
  /** Its position in the node's stream. */
  readonly seq: number;
  readonly state: (typeof EXECUTION_STATES)[number];
  readonly version: number | null;
  /** Id of the event in hexadecimal; null for batches. */
  readonly event: string | null;
  readonly host: string | null;
  readonly capability: string | null;
  readonly verb: string | null;
  readonly targets: readonly string[];
  readonly severity: string;
  readonly reason: string | null;
  /** Stimuli of a batch; 1 for an intent. */
  readonly count: number;
  readonly startedMs: number;
  /** null while it is open. */
  readonly endedMs: number | null;
  readonly correlation: string | null;
}

const EXECUTION = [
  ...['id', 'seq', 'state', 'version', 'event', 'host', 'capability', 'verb', 'targets'],
  ...['severity', 'reason', 'count', 'startedMs', 'endedMs', 'correlation'],
];

export function decodeExecution(key: string, bytes: Uint8Array): Execution {
  return decodeRow(key, bytes, EXECUTION, (of) => ({
    id: textOf(of('id'), 'id'),
    seq: readCount(of('seq'), 'seq'),
    state: readState(of('state')),
    version: nullOr(of('version'), 'version', (value, field) => readCount(value, field)),
    event: nullOr(of('event'), 'event', textOf),
    host: nullOr(of('host'), 'host', textOf),
    capability: nullOr(of('capability'), 'capability', textOf),
    verb: nullOr(of('verb'), 'verb', textOf),
    targets: readTexts(of('targets'), 'targets'),
    severity: textOf(of('severity'), 'severity'),
    reason: nullOr(of('reason'), 'reason', textOf),
    count: readCount(of('count'), 'count'),
    startedMs: readCount(of('startedMs'), 'startedMs'),
    endedMs: nullOr(of('endedMs'), 'endedMs', (value, field) => readCount(value, field)),
    correlation: nullOr(of('correlation'), 'correlation', textOf),
  }));
}

/** What opens the commitments of an intent; it never leaves the node by itself. */
export interface RevealRow {
  /** In hexadecimal. */
  readonly secret: string;
  readonly targets: readonly string[];
  /** The redacted parameters as canonical JSON; null where there are none. */
  readonly params: string | null;
  readonly timeMs: number;
}

export function decodeReveal(key: string, bytes: Uint8Array): RevealRow {
  return decodeRow(key, bytes, ['secret', 'targets', 'params', 'timeMs'], (of) => ({
    secret: readText(of('secret'), 'secret', SECRET, '32 bytes in hexadecimal'),
    targets: readTexts(of('targets'), 'targets'),
    params: nullOr(of('params'), 'params', textOf),
    timeMs: readCount(of('timeMs'), 'timeMs'),
  }));
}

/** One stimulus for which nothing was done. */
export interface Suppression {
  readonly policy: string | null;
  readonly version: number | null;
  /** A code, such as `suppressed-window`. */
  readonly reason: string;
  /** Id of the event in hexadecimal. */
  readonly event: string;
  /** Id in hexadecimal of what suppressed it; null where nothing did. */
  readonly by: string | null;
  readonly timeMs: number;
}

export function decodeSuppression(key: string, bytes: Uint8Array): Suppression {
  const names = ['policy', 'version', 'reason', 'event', 'by', 'timeMs'];
  return decodeRow(key, bytes, names, (of) => ({
    policy: nullOr(of('policy'), 'policy', textOf),
    version: nullOr(of('version'), 'version', (value, field) => readCount(value, field)),
    reason: textOf(of('reason'), 'reason'),
    event: textOf(of('event'), 'event'),
    by: nullOr(of('by'), 'by', textOf),
    timeMs: readCount(of('timeMs'), 'timeMs'),
  }));
}

/** The records of a batch, each canonical JSON. */
export interface BatchRow {
  readonly timeMs: number;
  readonly records: readonly string[];
}

export function decodeBatch(key: string, bytes: Uint8Array): BatchRow {
  return decodeRow(key, bytes, ['timeMs', 'records'], (of) => ({
    timeMs: readCount(of('timeMs'), 'timeMs'),
    records: readTexts(of('records'), 'records'),
  }));
}

/** An id that rows hold in hexadecimal. */
export function idBytes(hex: string): Uint8Array {
  const bytes = parseHex(hex);
  if (bytes?.length !== 32) throw new RangeError('an id has 64 hexadecimal digits');
  return bytes;
}

function readState(value: CborValue): Execution['state'] {
  return EXECUTION_STATES.find((state) => state === value) ?? badShape('state is no known one');
}

function readTexts(value: CborValue, field: string): readonly string[] {
  return readList(value, field, ANY_LENGTH, textOf);
}
