// The storage port of the log. One decision point: `append` either moves the head with everything that
// belongs to it, durably, or changes nothing. Everything else is derived or append-only.
//
// Every driver passes the same contract suite (log-server/test/storage-contract.ts).

/** A durable tree head. `size` in leaves; `root` is the RFC 6962 root of that tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** The newest statement of a stream. */
export interface StreamHead {
  readonly seq: number;
  /** RFC 6962 leaf hash of the statement. */
  readonly statementId: Uint8Array;
  readonly index: number;
}

/** Entries of a batch never cross a multiple of this, so that a driver can cut files there. */
export const SEGMENT_ENTRIES = 65_536;

/** The leaf index of one statement of a stream. */
export interface StreamPosition {
  readonly stream: string;
  readonly seq: number;
  readonly index: number;
}

/** What one group commit adds to the log. */
export interface Append {
  /** Compare-and-swap: the size the caller built upon. */
  readonly previousSize: number;
  readonly head: TreeHead;
  /** The entries as entry bundle bytes: u16 length and bytes, one after the other. */
  readonly entries: Uint8Array;
  /** Hashes that the batch completes, for each tile level (0: leaf hashes), 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  /** Heads of the streams that the batch moved, by stream id. */
  readonly streams: ReadonlyMap<string, StreamHead>;
  /** Where the statements of the batch stand. */
  readonly positions: readonly StreamPosition[];
}

/** Why a checkpoint was published. */
export type CheckpointCause = 'growth' | 'refresh' | 'start';

/** A published checkpoint with its provenance. Rows are never changed or deleted. */
export interface CheckpointRecord {
  /** Position in the history, from 0, without gaps. */
  readonly number: number;
  readonly size: number;
  readonly root: Uint8Array;
  /** The signed and cosigned note, as served. */
  readonly note: Uint8Array;
  readonly publishedAtMs: number;
  readonly cause: CheckpointCause;
  /** False when the quorum was not met and the log publishes all the same. */
  readonly quorumMet: boolean;
  /** Key IDs (8 hex digits) of the log's own signatures. */
  readonly logKeyIds: readonly string[];
  /** Policy names of the witnesses whose cosignatures are on the note. */
  readonly witnesses: readonly string[];
  readonly softwareVersion: string;
}

/** A durable home for one log. Opened by a driver's own function, which takes it exclusively. */
export interface LogStore {
  /** The head that `append` moved last; size 0 for a new log. */
  readonly head: TreeHead;

  /**
   * Makes a batch durable and moves the head, or throws and changes nothing that a reader or a restart could
   * see. LogError head-conflict when `previousSize` is not the stored size, storage-full without room; after
   * any other failure the outcome is unknown and the caller must reopen the store before it writes again.
   */
  append(batch: Append): Promise<void>;

  /** Bundle bytes of the entries [start, end), which lie inside one bundle of 256 and below the head. */
  readBundle(start: number, end: number): Uint8Array;
  /** Hashes [start, start + count) of tile level `level` (0: leaf hashes): `count` * 32 bytes below the head. */
  readHashes(level: number, start: number, count: number): Uint8Array;
  /** The head of a stream, or undefined. */
  readStream(stream: string): StreamHead | undefined;
  /** Leaf indexes of the statements `from`, `from` + 1, ... of a stream, at most `limit`; those that are there. */
  readPositions(stream: string, from: number, limit: number): Promise<number[]>;

  /** The admission profile that this log was started with; undefined for a new one. */
  readonly profile: string | undefined;
  /** Durably sets `profile`. */
  putProfile(profile: string): Promise<void>;

  /** The note that was signed last, kept before any witness or reader sees it; the log never signs below it. */
  readonly signed: Uint8Array | undefined;
  /** Durably replaces `signed`. */
  putSigned(note: Uint8Array): Promise<void>;
  /** Durably adds a row to the history. LogError head-conflict when `number` is taken or leaves a gap. */
  putCheckpoint(record: CheckpointRecord): Promise<void>;
  /** Rows with from <= number < to, ascending or descending, at most `limit`. */
  readCheckpoints(query: CheckpointQuery): Promise<CheckpointRecord[]>;
  /** The newest row. */
  readonly latestCheckpoint: CheckpointRecord | undefined;

  /** Releases the store. What was acknowledged stays. */
  close(): Promise<void>;
}

export interface CheckpointQuery {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly descending?: boolean;
}
