// Heads in LevelDB: one record for each log, its key the origin hash; every write synced. Swaps that
// arrive while a write is under way share the next one (group commit).

import { LogError } from '@writ/core/errors';
import { Level } from 'level';
import { decodeHead, encodeHead, type Head, type Heads, isSuccessor } from './heads.ts';

interface Swap {
  readonly id: string;
  readonly expectedSize: bigint;
  readonly next: Head;
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the store in folder `path`, for this process alone. Without `create` a missing store is an
 * error: a witness that lost its state must not start from zero. LogError config-invalid,
 * storage-locked, storage-failed, or storage-corrupt when a record does not parse.
 */
export async function openLevelHeads(path: string, options: { create: boolean }): Promise<Heads> {
  const db = new Level<string, Uint8Array>(path, { valueEncoding: 'view' });
  const heads = new LevelHeads(db);
  try {
    await db.open({ createIfMissing: options.create });
    await heads.load();
  } catch (error) {
    await db.close();
    throw openingError(path, error);
  }
  return heads;
}

class LevelHeads implements Heads {
  readonly #db: Level<string, Uint8Array>;
  /** What is on disk, decoded: this process alone writes there. */
  readonly #heads = new Map<string, Head>();
  #queue: Swap[] = [];
  #isWriting = false;
  /** Set by a failed write until the store was closed and recovered; see `#recovered`. */
  #isSuspect = false;
  #recovery: Promise<void> | undefined;

  constructor(db: Level<string, Uint8Array>) {
    this.#db = db;
  }

  /** Reads every record: a damaged or foreign one shows before anything is signed. */
  async load(): Promise<void> {
    this.#heads.clear();
    for await (const [id, record] of this.#db.iterator())
      this.#heads.set(id, decodeHead(id, record));
  }

  async read(originHash: string): Promise<Head | undefined> {
    await this.#recovered();
    return this.#heads.get(originHash);
  }

  swap(originHash: string, expectedSize: bigint, next: Head): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: originHash, expectedSize, next, resolve, reject });
      if (!this.#isWriting) void this.#drain();
    });
  }

  latestTimestampSeconds(): bigint {
    const times = [...this.#heads.values()].map(({ timestampSeconds }) => timestampSeconds);
    return times.reduce((latest, time) => (time > latest ? time : latest), 0n);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    while (this.#queue.length > 0) {
      const group = this.#queue;
      this.#queue = [];
      try {
        await this.#write(group);
      } catch (error) {
        this.#isSuspect = true;
        for (const swap of group) swap.reject(failed('the state cannot be written', error));
      }
    }
    this.#isWriting = false;
  }

  /** Compares with the records on disk and writes. Nothing else writes, so none changes in between. */
  async #write(group: readonly Swap[]): Promise<void> {
    await this.#recovered();
    const staged = new Map<string, Head>();
    const verdicts = group.map(({ id, expectedSize, next }) => {
      const isAdmitted = isSuccessor(staged.get(id) ?? this.#heads.get(id), expectedSize, next);
      if (isAdmitted) staged.set(id, next);
      return isAdmitted;
    });
    const type = 'put' as const;
    const puts = [...staged].map(([key, head]) => ({ type, key, value: encodeHead(head) }));
    // A crash before the batch is on disk loses cosignatures that nobody has seen.
    await this.#db.batch(puts, { sync: true });
    for (const [id, head] of staged) this.#heads.set(id, head);
    for (const [i, swap] of group.entries()) swap.resolve(verdicts[i] === true);
  }

  /**
   * LevelDB must not be written after a failed write: what follows a torn record in its journal can be
   * lost in recovery, and with it a head that was acknowledged. Opening again replays the journal, and
   * what is on disk then is what counts.
   */
  async #recovered(): Promise<void> {
    if (!this.#isSuspect) return;
    this.#recovery ??= this.#db
      .close()
      .then(() => this.#db.open({ createIfMissing: false }))
      .then(() => this.load())
      .finally(() => {
        this.#recovery = undefined;
      });
    await this.#recovery.catch((error: unknown) => {
      throw failed('the state cannot be read back', error);
    });
    this.#isSuspect = false;
  }
}

function failed(message: string, cause: unknown): LogError {
  return cause instanceof LogError ? cause : new LogError('storage-failed', message, {}, cause);
}

function openingError(path: string, error: unknown): LogError {
  if (error instanceof LogError) return error;
  const reason = error instanceof Error ? String(error.cause ?? error) : String(error);
  if (/LOCK/i.test(reason))
    return new LogError('storage-locked', `another process uses ${path}; stop it first`, {}, error);
  if (!reason.includes('create_if_missing'))
    return new LogError('storage-failed', `cannot open ${path}: ${reason}`, {}, error);
  const danger = 'a witness that forgot what it cosigned can be led to sign a fork';
  const advice = `bring it back, or make a new witness with new keys: ${danger}`;
  return new LogError('config-invalid', `there is no state in ${path}; ${advice}`);
}
