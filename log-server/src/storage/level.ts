// The embedded store: entries and hashes in append-only files, everything that decides in LevelDB.
//
//   <dir>/level/     head, stream heads, signed note, checkpoint history (LevelDB, exclusive lock)
//   <dir>/entries/   segments of 65,536 entries, the only copy of the entries
//   <dir>/hashes/    one file for each tile level, derived
//
// An append is: 1 write the entries behind the tail, 2 fdatasync them, 3 one synced LevelDB batch that moves
// the head. Step 3 decides. A crash before it leaves bytes behind the tail that the next start cuts off; a
// crash after it leaves derived files short, which the next start makes again from the entries.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import { emptyRoot } from '@writ/core/merkle/hash';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { Level } from 'level';
import { checkAppend, segmentOf } from './checks.ts';
import { derive } from './derive.ts';
import { EntryFiles } from './entry-files.ts';
import { HashFiles } from './hash-files.ts';
import {
  type Append,
  type CheckpointQuery,
  type CheckpointRecord,
  type LogStore,
  SEGMENT_ENTRIES,
  type StreamHead,
  type TreeHead,
} from './port.ts';
import { decodeCheckpoint, decodeHead, decodeStream, encodeRow, type HeadRow } from './rows.ts';

const FORMAT = '1';
const DURABLE = { sync: true } as const;

type Database = Level<string, Uint8Array>;
interface Put {
  readonly type: 'put';
  readonly key: string;
  readonly value: Uint8Array;
}

/** Opens or creates the store in `dir`. LogError storage-locked, storage-corrupt, storage-failed. */
export async function openLevelStore(dir: string): Promise<LogStore> {
  const db = await openDatabase(join(dir, 'level'));
  try {
    checkFormat(db);
    const stored = db.getSync('head');
    const head =
      stored === undefined ? { size: 0, root: emptyRoot(), tail: 0 } : decodeHead(stored);
    const derived = Math.min(readNumber(db, 'derived'), segmentOf(head.size) * SEGMENT_ENTRIES);
    const { entries, hashes } = openFiles(dir, head, derived);
    const latest = await readLatestCheckpoint(db);
    return new LevelStore(db, entries, hashes, head, derived, latest);
  } catch (error) {
    await db.close();
    throw error;
  }
}

interface Files {
  readonly entries: EntryFiles;
  readonly hashes: HashFiles;
}

/** Opens the files with what is derived beyond `derived` made anew; from nothing, when that does not fit. */
function openFiles(dir: string, head: HeadRow, derived: number): Files {
  try {
    const entries = new EntryFiles(join(dir, 'entries'), head.size, head.tail);
    const hashes = new HashFiles(join(dir, 'hashes'), derived);
    entries.loadOffsets(derived / TILE_WIDTH);
    derive(entries, hashes, derived, head);
    return { entries, hashes };
  } catch (error) {
    if (derived === 0 || !isLogError(error, 'storage-corrupt')) throw error;
    return openFiles(dir, head, 0);
  }
}

async function openDatabase(dir: string): Promise<Database> {
  mkdirSync(dir, { recursive: true });
  const db: Database = new Level(dir, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await db.open();
  } catch (error) {
    const code =
      error instanceof Error && error.cause instanceof Error && 'code' in error.cause
        ? error.cause.code
        : '';
    if (code === 'LEVEL_LOCKED') {
      throw new LogError('storage-locked', `another process uses ${dir}: stop it first`, {}, error);
    }
    throw new LogError('storage-failed', `cannot open the store in ${dir}`, {}, error);
  }
  return db;
}

function checkFormat(db: Database): void {
  const stored = db.getSync('format');
  const format = stored === undefined ? FORMAT : new TextDecoder().decode(stored);
  if (format !== FORMAT) {
    throw new LogError(
      'storage-corrupt',
      `the store has format ${format}, this program reads format ${FORMAT}`,
    );
  }
}

function readNumber(db: Database, key: string): number {
  const stored = db.getSync(key);
  return stored === undefined ? 0 : Number(new TextDecoder().decode(stored));
}

async function readLatestCheckpoint(db: Database): Promise<CheckpointRecord | undefined> {
  for await (const value of db.values({ gte: 'c/', lt: 'c0', reverse: true, limit: 1 }))
    return decodeCheckpoint(value);
  return undefined;
}

function checkpointKey(number: number): string {
  return `c/${String(number).padStart(16, '0')}`;
}

/** `#` is in no stream id, so no stream's rows lie between those of another. */
function positionKey(stream: string, seq: number): string {
  return `e/${stream}#${String(seq).padStart(16, '0')}`;
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

class LevelStore implements LogStore {
  head: TreeHead;
  signed: Uint8Array | undefined;
  profile: string | undefined;
  latestCheckpoint: CheckpointRecord | undefined;
  readonly #db: Database;
  readonly #entries: EntryFiles;
  readonly #hashes: HashFiles;
  /** Size up to which the derived files are known to be durable; a multiple of the segment size. */
  #derived: number;
  #deriving: Promise<void> = Promise.resolve();

  constructor(
    db: Database,
    entries: EntryFiles,
    hashes: HashFiles,
    head: TreeHead,
    derived: number,
    latest: CheckpointRecord | undefined,
  ) {
    this.#db = db;
    this.#entries = entries;
    this.#hashes = hashes;
    this.head = { size: head.size, root: head.root };
    this.#derived = derived;
    this.latestCheckpoint = latest;
    this.signed = db.getSync('signed');
    const profile = db.getSync('profile');
    this.profile = profile === undefined ? undefined : new TextDecoder().decode(profile);
  }

  async append(batch: Append): Promise<void> {
    checkAppend(batch, this.head);
    try {
      // 1: behind the tail; nothing refers to it yet.
      this.#entries.write(batch.entries);
    } catch (error) {
      throw storageError(error, 'entries could not be written');
    }
    // 2: the entries are on the disk before anything says so.
    await this.#entries.sync();
    // 3: the decision.
    await this.#write(this.#rowsOf(batch));
    // 4: derived; made again at the next start when we stop here.
    this.#hashes.write(this.head.size, batch.hashes);
    this.#entries.advance(batch.entries, batch.head.size - batch.previousSize);
    this.head = batch.head;
    if (segmentOf(this.head.size) * SEGMENT_ENTRIES > this.#derived) this.#keepDerived();
  }

  /** One durable batch. After a failure nobody knows whether it took effect, so it is never `storage-full`. */
  async #write(rows: Put[]): Promise<void> {
    try {
      await this.#db.batch(rows, DURABLE);
    } catch (error) {
      throw new LogError('storage-failed', 'the store could not be written', {}, error);
    }
  }

  #rowsOf(batch: Append): Put[] {
    const tail =
      batch.head.size % SEGMENT_ENTRIES === 0 ? 0 : this.#entries.tail + batch.entries.length;
    const head: HeadRow = { size: batch.head.size, root: batch.head.root, tail };
    const rows: Put[] = [{ type: 'put', key: 'head', value: encodeRow(head) }];
    if (batch.previousSize === 0)
      rows.push({ type: 'put', key: 'format', value: textBytes(FORMAT) });
    for (const [stream, streamHead] of batch.streams) {
      rows.push({ type: 'put', key: `s/${stream}`, value: encodeRow(streamHead) });
    }
    for (const { stream, seq, index } of batch.positions) {
      rows.push({ type: 'put', key: positionKey(stream, seq), value: textBytes(String(index)) });
    }
    return rows;
  }

  readBundle(start: number, end: number): Uint8Array {
    return this.#entries.readBundle(start, end);
  }

  readHashes(level: number, start: number, count: number): Uint8Array {
    return this.#hashes.read(level, start, count);
  }

  readStream(stream: string): StreamHead | undefined {
    const stored = this.#db.getSync(`s/${stream}`);
    return stored === undefined ? undefined : decodeStream(stored);
  }

  async readPositions(stream: string, from: number, limit: number): Promise<number[]> {
    if (limit <= 0) return [];
    const range = { gte: positionKey(stream, from), lt: `e/${stream}#:`, limit };
    const positions: number[] = [];
    for await (const value of this.#db.values(range))
      positions.push(Number(new TextDecoder().decode(value)));
    return positions;
  }

  async putProfile(profile: string): Promise<void> {
    await this.#write([{ type: 'put', key: 'profile', value: textBytes(profile) }]);
    this.profile = profile;
  }

  async putSigned(note: Uint8Array): Promise<void> {
    await this.#write([{ type: 'put', key: 'signed', value: note }]);
    this.signed = note.slice();
  }

  async putCheckpoint(record: CheckpointRecord): Promise<void> {
    const next = (this.latestCheckpoint?.number ?? -1) + 1;
    if (record.number !== next) {
      throw new LogError('head-conflict', 'this checkpoint number is not the next one', {
        expected: next,
        got: record.number,
      });
    }
    const rows: Put[] = [
      { type: 'put', key: checkpointKey(record.number), value: encodeRow(record) },
    ];
    await this.#write(rows);
    this.latestCheckpoint = record;
  }

  async readCheckpoints({
    from,
    to,
    limit,
    descending = false,
  }: CheckpointQuery): Promise<CheckpointRecord[]> {
    if (from >= to || limit <= 0) return [];
    const range = {
      gte: checkpointKey(Math.max(0, from)),
      lt: checkpointKey(to),
      limit,
      reverse: descending,
    };
    const rows: CheckpointRecord[] = [];
    for await (const value of this.#db.values(range)) rows.push(decodeCheckpoint(value));
    return rows;
  }

  async close(): Promise<void> {
    await this.#deriving;
    this.#entries.close();
    this.#hashes.close();
    await this.#db.close();
  }

  /** Notes, in the background, that the derived files are durable up to the last whole segment. */
  #keepDerived(): void {
    const size = segmentOf(this.head.size) * SEGMENT_ENTRIES;
    this.#derived = size;
    const work = async (): Promise<void> => {
      await this.#hashes.sync();
      await this.#entries.syncOffsets();
      await this.#db.put('derived', textBytes(String(size)));
    };
    // Without the note the next start derives more than it must, and nothing else.
    this.#deriving = this.#deriving.then(work).catch(() => undefined);
  }
}

/** storage-full where the system says so, storage-failed for anything else. */
function storageError(error: unknown, message: string): LogError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return new LogError(
    isFull ? 'storage-full' : 'storage-failed',
    `${message} (${String(code)})`,
    {},
    error,
  );
}
