// The log as the outbox of a node sees it: somewhere to put the next statements of its stream, and a proof of where the
// stream ends. Nothing that the log says without proof lets the node forget a statement.

/** A statement of the node's stream with the opening of its seal, where it is sealed. */
export interface OutboxItem {
  readonly seq: number;
  readonly statement: Uint8Array;
  readonly opening: Uint8Array | null;
}

/** The last statement of a stream. */
export interface StreamHeadRef {
  readonly seq: number;
  /** In hexadecimal. */
  readonly id: string;
}

/** What the log says about one statement. */
export type Verdict =
  /** It is in the log, now or since an earlier submission. */
  | { readonly kind: 'taken' }
  /** The stream ends elsewhere than before this statement; null: it is empty. */
  | { readonly kind: 'conflict'; readonly head: StreamHeadRef | null }
  /** The log will not have it as things are. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export interface StreamLog {
  /**
   * Submits statements in their order; one verdict for each, in order, or for the first of them alone up to the one
   * that was not taken. Rejects with LogError (network-failed, overloaded, log-held, …) while the log cannot be asked.
   */
  submit(items: readonly OutboxItem[]): Promise<readonly Verdict[]>;
  /**
   * Where the stream ends under a checkpoint that the node's trust policy accepts; null when it is not there yet. The
   * caller verifies: the outbox deletes what this says is in the log.
   */
  provenHead(): Promise<StreamHeadRef | null>;
}
