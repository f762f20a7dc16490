// Heads in LevelDB, every write synced. Swaps of several logs that arrive while a write is under way
// share the next one (group commit); each is compared with the record on disk right before its batch.

import { LogError } from '@writ/core/errors';
import { Level } from 'level';
import { decodeHead, encodeHead, type Head, type Heads, isSuccessor } from './heads.ts';

const HEAD_PREFIX = 'head/';
const FORMAT_KEY = 'format';
const FORMAT = 'writ-witness-heads/1';

type Database = Level<string, string | Uint8Array>;

interface Swap {
  readonly id: string;
  readonly expectedSize: bigint;
  readonly next: Head;
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the store in folder `path`, for this process alone. Without `create` a missing store is an error:
 * a witness that lost its state must not start from zero. LogError config-invalid, storage-locked,
 * storage-failed, or storage-corrupt when a record does not parse.
 */
export async function openLevelHeads(path: string, options: { create: boolean }): Promise<Heads> {
  const db: Database = new Level(path, { valueEncoding: 'view' });
  const heads = new LevelHeads(db);
  try {
    await db.open({ createIfMissing: options.create });
    await checkFormat(db);
    await heads.load();
  } catch (error) {
    await db.close();
    throw openingError(path, error);
  }
  return heads;
}

async function checkFormat(db: Database): Promise<void> {
  const utf8Value = { valueEncoding: 'utf8' } as const;
  const found = await db.get<string, string>(FORMAT_KEY, utf8Value);
  if (found === undefined && (await db.keys({ limit: 1 }).all()).length === 0)
    await db.put<string, string>(FORMAT_KEY, FORMAT, { ...utf8Value, sync: true });
  else if (found !== FORMAT)
    throw new LogError('config-invalid', `the state folder has another format than ${FORMAT}`);
}

class LevelHeads implements Heads {
  readonly #db: Database;
  #queue: Swap[] = [];
  #isWriting = false;
  #latest = 0n;
  /** Set by a failed write until the store was closed and recovered; see #recovered. */
  #isSuspect = false;
  #recovery: Promise<void> | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Reads every record once: a damaged one shows before anything is signed. */
  async load(): Promise<void> {
    for await (const key of this.#db.keys({ gt: HEAD_PREFIX, lt: `${HEAD_PREFIX}~` })) {
      this.#note(this.#get(key.slice(HEAD_PREFIX.length)));
    }
  }

  async read(originHash: string): Promise<Head | undefined> {
    await this.#recovered();
    return this.#get(originHash);
  }

  swap(originHash: string, expectedSize: bigint, next: Head): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: originHash, expectedSize, next, resolve, reject });
      if (!this.#isWriting) void this.#drain();
    });
  }

  latestTimestampSeconds(): bigint {
    return this.#latest;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#write(group);
      } catch (error) {
        this.#isSuspect = true;
        const failure = new LogError('storage-failed', 'the state cannot be written', {}, error);
        for (const swap of group) swap.reject(failure);
      }
    }
    this.#isWriting = false;
  }

  /** At most one swap for each log: the second must see the record that the first wrote. */
  #takeGroup(): Swap[] {
    const group = new Map<string, Swap>();
    const rest: Swap[] = [];
    for (const swap of this.#queue) {
      if (group.has(swap.id)) rest.push(swap);
      else group.set(swap.id, swap);
    }
    this.#queue = rest;
    return [...group.values()];
  }

  /** Compares and writes. Nothing else writes, so no record changes between the two. */
  async #write(group: readonly Swap[]): Promise<void> {
    await this.#recovered();
    const admitted = group.filter((swap) =>
      isSuccessor(this.#get(swap.id), swap.expectedSize, swap.next),
    );
    const puts = admitted.map(({ id, next }) => ({
      type: 'put' as const,
      key: HEAD_PREFIX + id,
      value: encodeHead(next),
    }));
    // A crash before the batch is on disk loses cosignatures that nobody has seen.
    if (puts.length > 0) await this.#db.batch(puts, { sync: true });
    for (const { next } of admitted) this.#note(next);
    const done = new Set(admitted);
    for (const swap of group) swap.resolve(done.has(swap));
  }

  /**
   * LevelDB must not be written after a failed write: what follows a torn record in its journal can be
   * lost in recovery, and with it a head that was acknowledged. Closing and opening replays the journal.
   */
  #recovered(): Promise<void> {
    if (!this.#isSuspect) return Promise.resolve();
    this.#recovery ??= this.#reopen().finally(() => {
      this.#recovery = undefined;
    });
    return this.#recovery;
  }

  async #reopen(): Promise<void> {
    try {
      await this.#db.close();
      await this.#db.open({ createIfMissing: false });
    } catch (error) {
      throw new LogError('storage-failed', 'the state cannot be read back', {}, error);
    }
    this.#isSuspect = false;
  }

  #get(id: string): Head | undefined {
    const record = this.#db.getSync<string, Uint8Array>(HEAD_PREFIX + id, {
      valueEncoding: 'view',
    });
    return record === undefined ? undefined : decodeHead(id, record);
  }

  #note(head: Head | undefined): void {
    if (head !== undefined && head.timestampSeconds > this.#latest)
      this.#latest = head.timestampSeconds;
  }
}

function openingError(path: string, error: unknown): LogError {
  if (error instanceof LogError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED')
    return new LogError('storage-locked', `another process uses ${path}; stop it first`, {}, error);
  if (reason.includes('create_if_missing'))
    return new LogError(
      'config-invalid',
      `there is no state in ${path}; bring it back, or make a new witness with new keys: a witness that forgot what it cosigned can be led to sign a fork`,
      {},
      error,
    );
  return new LogError('storage-failed', `cannot open ${path}: ${reason}`, {}, error);
}
