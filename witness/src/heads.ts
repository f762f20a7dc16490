// What a witness remembers of a log, and the port to where it is kept: C2SP tlog-witness
// (https://c2sp.org/tlog-witness@v1.0.0), "add-checkpoint". Whoever rolls this state back can lead the
// witness to sign a fork, so the anti-rollback check is a condition of the write itself.
//
// Record: u64 timestamp of the cosignatures (POSIX seconds), then the note as served to monitors. Size
// and root are read from the note, so that no second copy of them can differ.

import { concatBytes, equalBytes, formatHex, readUint64, uint64, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { parseNote } from '@writ/core/formats/note';
import { sha256 } from '@writ/core/sha256';

/** The latest cosigned checkpoint of one log. */
export interface Head {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Uint8Array;
  /** Log signatures that verified and our own cosignatures, nothing else. */
  readonly note: Uint8Array;
  readonly timestampSeconds: bigint;
}

/** Where heads are kept, by origin hash. LogError storage-failed or storage-corrupt. */
export interface Heads {
  /** The head on record: what the last successful `swap` wrote. */
  read(originHash: string): Promise<Head | undefined>;
  /**
   * Makes `next` the head, durably, if the head on record has `expectedSize` (0 for none) and
   * `isSuccessor` agrees, in one atomic step; false means that nothing changed. After a rejection
   * either head may be on record, and the next `read` tells.
   */
  swap(originHash: string, expectedSize: bigint, next: Head): Promise<boolean>;
  /** Largest timestamp on record, 0n for an empty store. */
  latestTimestampSeconds(): bigint;
  close(): Promise<void>;
}

/** The name of a log in URLs and in the store: lower-case hex SHA-256 of the origin. */
export function originHash(origin: string): string {
  return formatHex(sha256(utf8(origin)));
}

/** The rule of the swap: a tree never shrinks, a size has one root for ever, time never runs back. */
export function isSuccessor(current: Head | undefined, expectedSize: bigint, next: Head): boolean {
  if ((current?.size ?? 0n) !== expectedSize || next.size < expectedSize) return false;
  if (current === undefined) return true;
  if (next.timestampSeconds < current.timestampSeconds) return false;
  return next.size > current.size || equalBytes(next.root, current.root);
}

/** The bytes of a record. */
export function encodeHead({ timestampSeconds, note }: Head): Uint8Array {
  return concatBytes(uint64(timestampSeconds), note);
}

/** Reads a record. LogError storage-corrupt for anything that `encodeHead` did not write. */
export function decodeHead(id: string, record: Uint8Array): Head {
  try {
    const note = record.subarray(8);
    const { origin, size, root } = parseCheckpoint(parseNote(note).text);
    if (originHash(origin) === id)
      return { origin, size, root, note, timestampSeconds: readUint64(record, 0) };
  } catch (error) {
    if (!isLogError(error)) throw error;
  }
  throw new LogError('storage-corrupt', 'a record of the state is damaged', { originHash: id });
}

/** Heads that live as long as the process: for tests and demonstrations only. */
export function createMemoryHeads(): Heads {
  const records = new Map<string, Head>();
  return {
    read: async (id) => records.get(id),
    swap: async (id, expectedSize, next) => {
      const isAdmitted = isSuccessor(records.get(id), expectedSize, next);
      if (isAdmitted) records.set(id, next);
      return isAdmitted;
    },
    latestTimestampSeconds: () => 0n, // nothing outlives the clock that signed it
    close: async () => {},
  };
}
