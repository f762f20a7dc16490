// What a node keeps of the villages that it follows, in LevelDB. One synced batch for each apply holds state, head,
// checkpoint, index and audit row, so a crash leaves all of it or nothing (spec/reconciliation.md section 4).
//
//   v/<village>/meta           checkpoint, heads, digests of the snapshots
//   v/<village>/state, inbox   snapshots of the states of both streams
//   v/<village>/policy/<uuid>  the version in force
//   v/<village>/audit/<n>      one row for each apply
//   spec/<digest>              a Policy Spec

import { equalBytes, formatBase64, formatHex, parseBase64, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { parseNote } from '@writ/core/formats/note';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, parseCanonicalJson } from '@writ/core/statements/jcs';
import { parseStreamId } from '@writ/core/statements/stream-id';
import type { HeadRef } from '@writ/core/streams/reconciliation-report';
import type { StreamState } from '@writ/core/streams/reduce';
import { decodeStreamState } from '@writ/core/streams/state-codec';
import { Level } from 'level';
import { type Meta, readMeta } from './meta.ts';

/** A followed village as it was left. */
export interface Saved {
  /** The newest checkpoint that was accepted: a signed note. */
  readonly checkpoint: Uint8Array;
  readonly head: HeadRef | null;
  /** The last statement that changed what is in force. */
  readonly active: HeadRef | null;
  /** Applies so far. */
  readonly applied: number;
  /**
   * The states at that checkpoint; undefined when they are damaged, which costs reading the village again but
   * neither the head nor the checkpoint.
   */
  readonly snapshot: Snapshot | undefined;
}

/** Encoded states; null where a stream was empty, or of no concern. */
export interface Snapshot {
  readonly state: Uint8Array | null;
  readonly inbox: Uint8Array | null;
}

/** One row of the audit trail. */
export interface AuditRow {
  readonly timeSeconds: number;
  readonly class: string;
  readonly from: HeadRef | null;
  readonly to: HeadRef | null;
  /** SHA-256 of the signed report, in hexadecimal. */
  readonly report: string;
}

/** What an apply moves to. */
export interface NextState {
  readonly checkpoint: Uint8Array;
  readonly head: HeadRef | null;
  readonly active: HeadRef | null;
  readonly snapshot: Snapshot;
  /** Policy Specs that the new state names and the store may lack, by SHA-256 in hexadecimal. */
  readonly specs: ReadonlyMap<string, Uint8Array>;
  readonly audit: Omit<AuditRow, 'from'>;
}

/** Specs that are read at a time. */
const SPECS_AT_ONCE = 64;

/** For tests: called between the steps of an apply; what it throws ends the apply there. */
export type StepHook = (step: string) => void;

/** The store of one node. One process at a time. */
export class StateStore {
  readonly #db: Level<string, Uint8Array>;
  readonly #onStep: StepHook;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(db: Level<string, Uint8Array>, onStep: StepHook) {
    this.#db = db;
    this.#onStep = onStep;
  }

  /**
   * Opens the store in folder `path`. LogError storage-locked, storage-failed; config-invalid when it does not
   * exist and `create` is false.
   */
  static async open(
    path: string,
    { create, onStep = () => {} }: { readonly create: boolean; readonly onStep?: StepHook },
  ): Promise<StateStore> {
    const db = new Level<string, Uint8Array>(path, { valueEncoding: 'view' });
    try {
      await db.open({ createIfMissing: create });
    } catch (error) {
      throw openingError(path, error);
    }
    return new StateStore(db, onStep);
  }

  /** The village as it was left; undefined when it was never followed. LogError storage-corrupt. */
  async load(village: string): Promise<Saved | undefined> {
    const meta = await this.#meta(village);
    if (meta === undefined) return undefined;
    const { checkpoint, head, active, applied } = meta;
    return { checkpoint, head, active, applied, snapshot: await this.#snapshot(village, meta) };
  }

  /**
   * Moves the village from `expected` to `next`, whole or not at all. False when somebody else moved it since
   * `expected` was loaded. LogError checkpoint-rolled-back for a checkpoint or head that is older than the stored
   * one, fork-detected for another tree of its size, storage-failed.
   */
  apply(village: string, expected: Saved | undefined, next: NextState): Promise<boolean> {
    const turn = this.#last.then(() => this.#apply(village, expected, next));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** A Policy Spec by its digest in hexadecimal; undefined when it is not here or damaged. */
  async spec(digest: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#db.get(`spec/${digest}`);
    return bytes !== undefined && digestOf(bytes) === digest ? Uint8Array.from(bytes) : undefined;
  }

  /** The audit trail of a village, oldest first, as canonical JSON. */
  async audit(village: string): Promise<Uint8Array[]> {
    const start = `${prefixOf(village)}/audit/`;
    return this.#db.values({ gte: start, lt: `${start}~` }).all();
  }

  /** The index: UUID of each policy with its version in force, as canonical JSON. */
  async policies(village: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const start = `${prefixOf(village)}/policy/`;
    const rows = await this.#db.iterator({ gte: start, lt: `${start}~` }).all();
    return new Map(rows.map(([key, value]) => [key.slice(start.length), value]));
  }

  /** The villages that are followed. */
  async villages(): Promise<string[]> {
    const keys = await this.#db.keys({ gte: 'v/', lt: 'v/~' }).all();
    return keys.flatMap((key) => (key.endsWith('/meta') ? [key.slice(2, -'/meta'.length)] : []));
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #apply(village: string, expected: Saved | undefined, next: NextState): Promise<boolean> {
    const prefix = prefixOf(village);
    this.#onStep('read');
    const meta = await this.#meta(village);
    this.#onStep('compare');
    if (meta === undefined ? expected !== undefined : !isSame(meta, expected)) return false;
    if (meta !== undefined) checkForward(meta, next);
    this.#onStep('encode');
    const puts = this.#puts(prefix, meta, next);
    this.#onStep('write');
    const type = 'put' as const;
    const batch = puts.map(([key, value]) => ({ type, key, value }));
    const gone = await this.#gone(village, next);
    const deletes = gone.map((key) => ({ type: 'del' as const, key }));
    try {
      await this.#db.batch([...deletes, ...batch], { sync: true });
    } catch (error) {
      throw new LogError('storage-failed', 'the state cannot be written', {}, error);
    }
    this.#onStep('written');
    return true;
  }

  #puts(
    prefix: string,
    meta: Meta | undefined,
    { checkpoint, head, active, snapshot, specs, audit }: NextState,
  ): [string, Uint8Array][] {
    const applied = (meta?.applied ?? 0) + 1;
    const row = { ...audit, from: refJson(meta?.head ?? null), to: refJson(audit.to) };
    const { state, inbox } = snapshot;
    const document = {
      checkpoint: formatBase64(checkpoint),
      head: refJson(head),
      active: refJson(active),
      applied,
      state: digestOf(state),
      inbox: digestOf(inbox),
    };
    const puts: [string, Uint8Array][] = [
      [`${prefix}/meta`, utf8(formatCanonicalJson(document))],
      [`${prefix}/audit/${String(applied).padStart(16, '0')}`, utf8(formatCanonicalJson(row))],
    ];
    if (state !== null) puts.push([`${prefix}/state`, state]);
    if (inbox !== null) puts.push([`${prefix}/inbox`, inbox]);
    for (const [policy, text] of policyRows(state)) puts.push([`${prefix}/policy/${policy}`, text]);
    for (const [digest, spec] of specs) puts.push([`spec/${digest}`, spec]);
    return puts;
  }

  /** Index rows of policies that the next state has not: after a damaged index was rebuilt, say. */
  async #gone(village: string, { snapshot }: NextState): Promise<string[]> {
    const next = policyRows(snapshot.state);
    const present = await this.policies(village);
    const gone = [...present.keys()].filter((policy) => !next.has(policy));
    return gone.map((policy) => `${prefixOf(village)}/policy/${policy}`);
  }

  async #meta(village: string): Promise<Meta | undefined> {
    const bytes = await this.#db.get(`${prefixOf(village)}/meta`);
    if (bytes === undefined) return undefined;
    try {
      return readMeta(parseCanonicalJson(bytes), parseBase64);
    } catch (error) {
      const advice = 'bring the folder back from a copy, or follow the village anew in another';
      throw new LogError(
        'storage-corrupt',
        `what was kept of ${village} is damaged; ${advice}`,
        { village },
        error,
      );
    }
  }

  // Whether a snapshot is used hangs on its digest: a state that was damaged may still decode.
  async #snapshot(village: string, meta: Meta): Promise<Snapshot | undefined> {
    const state = await this.#part(`${prefixOf(village)}/state`, meta.state);
    const inbox = await this.#part(`${prefixOf(village)}/inbox`, meta.inbox);
    if (state === undefined || inbox === undefined) return undefined;
    const decoded = stateOf(state);
    const isThere = decoded === null ? meta.head === null : isAt(decoded, meta.head);
    return isThere && (await this.#hasSpecs(decoded)) ? { state, inbox } : undefined;
  }

  /** A spec that is gone or damaged comes back only where the village is read from the start. */
  async #hasSpecs(state: StreamState | null | undefined): Promise<boolean> {
    if (state?.family !== 'village') return true;
    const digests = [...state.policies.values()].flatMap(({ digest }) => digest ?? []);
    for (let at = 0; at < digests.length; at += SPECS_AT_ONCE) {
      const some = digests.slice(at, at + SPECS_AT_ONCE);
      const specs = await Promise.all(some.map((digest) => this.spec(formatHex(digest))));
      if (specs.includes(undefined)) return false;
    }
    return true;
  }

  async #part(key: string, digest: string | null): Promise<Uint8Array | null | undefined> {
    if (digest === null) return null;
    const bytes = await this.#db.get(key);
    return bytes !== undefined && digestOf(bytes) === digest ? Uint8Array.from(bytes) : undefined;
  }
}

/** The state in `bytes`; null: there is none; undefined: it cannot be read. */
function stateOf(bytes: Uint8Array | null): StreamState | null | undefined {
  if (bytes === null) return null;
  try {
    return decodeStreamState(bytes);
  } catch (error) {
    if (isLogError(error, 'storage-corrupt')) return undefined;
    throw error;
  }
}

function isAt(state: StreamState | undefined, head: HeadRef | null): boolean {
  return state !== undefined && head !== null && formatHex(state.head.id) === head.id;
}

function digestOf(bytes: Uint8Array): string;
function digestOf(bytes: Uint8Array | null): string | null;
function digestOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : formatHex(sha256(bytes));
}

function isSame(meta: Meta, expected: Saved | undefined): boolean {
  if (expected === undefined) return false;
  return equalBytes(meta.checkpoint, expected.checkpoint) && meta.applied === expected.applied;
}

function checkForward(before: Meta, next: NextState): void {
  const [old, now] = [sizeOf(before.checkpoint), sizeOf(next.checkpoint)];
  if (now.size < old.size || (next.head?.seq ?? -1) < (before.head?.seq ?? -1))
    throw new LogError('checkpoint-rolled-back', 'the state never goes back', {
      expected: `size ${old.size} or more`,
      got: `size ${now.size}`,
    });
  if (old.origin !== now.origin)
    throw new LogError('origin-unknown', 'the state is of another log', {
      expected: old.origin,
      got: now.origin,
    });
  if (now.size === old.size && !equalBytes(now.root, old.root))
    throw new LogError('fork-detected', `two trees of ${now.size} entries`, { size: now.size });
}

function sizeOf(note: Uint8Array): ReturnType<typeof parseCheckpoint> {
  return parseCheckpoint(parseNote(note).text);
}

function policyRows(bytes: Uint8Array | null): Map<string, Uint8Array> {
  const rows = new Map<string, Uint8Array>();
  const state = bytes === null ? undefined : decodeStreamState(bytes);
  if (state?.family !== 'village') return rows;
  const hex = (value: Uint8Array | null): string | null =>
    value === null ? null : formatHex(value);
  for (const [policy, { version, digest, source, seq, index }] of state.policies) {
    const row = { version, digest: hex(digest), source: hex(source), seq, index };
    rows.set(policy, utf8(formatCanonicalJson(row)));
  }
  return rows;
}

function refJson(head: HeadRef | null): { seq: number; id: string; index: number } | null {
  return head === null ? null : { seq: head.seq, id: head.id, index: head.index };
}

// The id goes into keys, so its grammar is checked here whatever the caller did.
function prefixOf(village: string): string {
  if (parseStreamId(`village/${village}`)?.family !== 'village')
    throw new RangeError('not the id of a village');
  return `v/${village}`;
}

function openingError(path: string, error: unknown): LogError {
  const reason = error instanceof Error ? String(error.cause ?? error) : String(error);
  if (/LOCK/i.test(reason))
    return new LogError('storage-locked', `another process uses ${path}`, { path }, error);
  if (reason.includes('create_if_missing'))
    return new LogError('config-invalid', `nothing was applied in ${path} yet`, { path }, error);
  return new LogError('storage-failed', `cannot open ${path}: ${reason}`, { path }, error);
}
