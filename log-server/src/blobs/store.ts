// Blobs: bytes by their SHA-256, kept beside the log. A store never takes bytes under another digest than their own, and
// never gives any that do not have it.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';

/** Largest blob. */
export const MAX_BLOB_BYTES: number = 10 * 1024 * 1024;

/** Where a blob comes from: pieces as they arrive, or all at once. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A blob on its way out. */
export interface BlobStream {
  readonly length: number;
  /** To be read once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** One store holds public blobs or the openings of private villages, never both. */
export interface BlobStore {
  /**
   * Keeps what `chunks` give under `digest`; durable when it resolves, and nothing is kept when it rejects. LogError
   * request-invalid (field digest) for bytes with another digest, body-too-large, storage-full, storage-failed, and what
   * `chunks` throw.
   */
  write(digest: Uint8Array, chunks: Chunks): Promise<void>;
  /** The blob; undefined when it is not here. LogError storage-corrupt when it is not what it was. */
  read(digest: Uint8Array): Promise<Uint8Array | undefined>;
  /** As `read`, for large blobs: checked before, and never in memory as a whole. */
  stream(digest: Uint8Array): Promise<BlobStream | undefined>;
  /** True when there is a blob of that digest; it may be damaged all the same. */
  has(digest: Uint8Array): Promise<boolean>;
  /** Forgets a blob that nothing refers to. LogError storage-failed. */
  remove(digest: Uint8Array): Promise<void>;
  /** The digests of all blobs, in no order. LogError storage-failed. */
  digests(): AsyncIterable<Uint8Array>;
  /** When a blob was written, by the clock of the disk; undefined where nobody knows. LogError storage-failed. */
  writtenAtMs(digest: Uint8Array): Promise<number | undefined>;
  /** As `read`, for the start of the log, before anybody waits. */
  readSync(digest: Uint8Array): Uint8Array | undefined;
}

/** Both stores of a log. */
export interface Blobs {
  /** For everybody who knows the digest. */
  readonly shared: BlobStore;
  /** Openings of sealed statements, for members of their village. */
  readonly openings: BlobStore;
}

export function tooLarge(limit: number): LogError {
  const detail = { field: 'body', expected: limit };
  return new LogError('body-too-large', `a blob has at most ${limit} bytes`, detail);
}

export function otherDigest(expected: Uint8Array, got: Uint8Array): LogError {
  return new LogError('request-invalid', 'digest: the bytes have another SHA-256', {
    field: 'digest',
    expected: formatHex(expected),
    got: formatHex(got),
  });
}

export function corruptBlob(digest: Uint8Array): LogError {
  return new LogError(
    'storage-corrupt',
    `the blob ${formatHex(digest)} is damaged: restore it from a backup`,
  );
}
