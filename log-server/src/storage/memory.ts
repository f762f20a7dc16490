// A store in memory: for tests and for trying things out. Nothing survives the process.

import { LogError } from '@writ/core/errors';
import { bundleEntryEnd } from '@writ/core/formats/entry-bundle';
import { emptyRoot } from '@writ/core/merkle/hash';
import { HASH_SIZE } from '@writ/core/sha256';
import { checkAppend, selectCheckpoints } from './checks.ts';
import type {
  Append,
  CheckpointQuery,
  CheckpointRecord,
  LogStore,
  StreamHead,
  TreeHead,
} from './port.ts';

/** Opens an empty store. */
export function openMemoryStore(): LogStore {
  return new MemoryStore();
}

class MemoryStore implements LogStore {
  head: TreeHead = { size: 0, root: emptyRoot() };
  signed: Uint8Array | undefined;
  profile: string | undefined;
  readonly #entries: Uint8Array[] = [];
  readonly #hashes: Uint8Array[][] = [];
  readonly #streams = new Map<string, StreamHead>();
  readonly #positions = new Map<string, number[]>();
  readonly #checkpoints: CheckpointRecord[] = [];

  get latestCheckpoint(): CheckpointRecord | undefined {
    return this.#checkpoints.at(-1);
  }

  async append(batch: Append): Promise<void> {
    checkAppend(batch, this.head);
    for (let at = 0; at < batch.entries.length; ) {
      const end = bundleEntryEnd(batch.entries, at);
      this.#entries.push(batch.entries.slice(at, end));
      at = end;
    }
    for (const [level, row] of batch.hashes.entries()) {
      this.#hashes[level] ??= [];
      for (let at = 0; at < row.length; at += HASH_SIZE)
        this.#hashes[level].push(row.slice(at, at + HASH_SIZE));
    }
    for (const [stream, head] of batch.streams) this.#streams.set(stream, head);
    for (const { stream, seq, index } of batch.positions) {
      const positions = this.#positions.get(stream) ?? [];
      this.#positions.set(stream, positions);
      positions[seq] = index;
    }
    this.head = batch.head;
  }

  readBundle(start: number, end: number): Uint8Array {
    return join(this.#entries.slice(start, end));
  }

  readHashes(level: number, start: number, count: number): Uint8Array {
    return join((this.#hashes[level] ?? []).slice(start, start + count));
  }

  readStream(stream: string): StreamHead | undefined {
    return this.#streams.get(stream);
  }

  async readPositions(stream: string, from: number, limit: number): Promise<number[]> {
    return (this.#positions.get(stream) ?? []).slice(from, from + limit);
  }

  async putProfile(profile: string): Promise<void> {
    this.profile = profile;
  }

  async putSigned(note: Uint8Array): Promise<void> {
    this.signed = note.slice();
  }

  async putCheckpoint(record: CheckpointRecord): Promise<void> {
    if (record.number !== this.#checkpoints.length) {
      throw new LogError('head-conflict', 'this checkpoint number is not the next one', {
        number: record.number,
      });
    }
    this.#checkpoints.push(record);
  }

  async readCheckpoints(query: CheckpointQuery): Promise<CheckpointRecord[]> {
    return selectCheckpoints(this.#checkpoints, query);
  }

  async close(): Promise<void> {}
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
