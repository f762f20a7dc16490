// Signing a head. The key is used only after the tree has been read back from the store and found to continue
// what the log signed last; the note is durable before anybody sees it.

import { equalBytes, formatBase64 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { checkSignature, openNote, signText, timestampOf } from '@writ/core/formats/cosignature';
import type { SignerKey, VerifierKey } from '@writ/core/formats/key';
import { formatNote, type NoteSignature, parseNote, verifyNote } from '@writ/core/formats/note';
import type { LogStore, TreeHead } from '../storage/port.ts';

/** What signing and publishing need of the log. */
export interface TreeSource {
  /** The durable head. */
  readonly head: TreeHead;
  /** The newest head that may be published. */
  readonly sealed: TreeHead;
  /** True when the newest publishable head should be renewed although nothing happened. */
  readonly isAging: boolean;
  /** Makes the present entries publishable, and gives that head. */
  seal(): Promise<TreeHead>;
  /** Why the log takes no entries; undefined while it does. */
  readonly stoppedBecause: string | undefined;
  readonly store: LogStore;
  /** Root recomputed from the stored hashes. */
  rootAt(size: number): Uint8Array;
  proveConsistency(oldSize: number, size: number): Uint8Array[];
  /** Makes the log read-only until an operator has looked at it. */
  stop(because: string): void;
}

/** The name of the log and the keys that it signs with; `keys` are the public halves of `signers`. */
export interface LogIdentity {
  readonly origin: string;
  readonly signers: readonly SignerKey[];
  readonly keys: readonly VerifierKey[];
}

/** A head that the log has signed. */
export interface SignedHead {
  readonly size: number;
  readonly root: Uint8Array;
  readonly text: string;
  /** The log's own signatures. */
  readonly signatures: readonly NoteSignature[];
  readonly note: Uint8Array;
}

/**
 * Signs `head`, one that may be published, and keeps the note in the store. LogError checkpoint-rolled-back,
 * fork-detected or hash-mismatch when the store does not continue what was signed before: the log must stop, the key was not used.
 */
export async function signHead(
  log: TreeSource,
  { size, root }: TreeHead,
  { origin, signers, keys }: LogIdentity,
  nowSeconds: bigint,
): Promise<SignedHead> {
  const previous = log.store.signed === undefined ? undefined : parseNote(log.store.signed);
  if (previous !== undefined) checkContinues(log, size, parseCheckpoint(previous.text), origin);
  if (!equalBytes(log.rootAt(size), root)) {
    throw new LogError('hash-mismatch', `the stored hashes do not give the root of size ${size}`, {
      expected: formatBase64(root),
    });
  }
  const before = previous === undefined ? [] : verifyNote(previous, keys, checkSignature);
  const timestamps = [nowSeconds, ...before.map(timestampOf)];
  const timestamp = timestamps.reduce((a, b) => (a > b ? a : b)); // never back, whatever the clock does
  const text = formatCheckpoint({ origin, size: BigInt(size), root, extensions: [] });
  const signatures = signers.map((signer) => signText(signer, text, timestamp));
  const note = formatNote({ text, signatures });
  openNote(parseNote(note), keys); // a signature that a hardware fault spoiled could give the key away
  await log.store.putSigned(note);
  return { size, root, text, signatures, note };
}

/** The last signed checkpoint must be a prefix of the stored tree. */
function checkContinues(log: TreeSource, size: number, signed: Checkpoint, origin: string): void {
  if (signed.origin !== origin) {
    throw new LogError('config-invalid', `this store belongs to the log ${signed.origin}`, {
      field: 'origin',
      expected: signed.origin,
      got: origin,
    });
  }
  if (signed.size > BigInt(size)) {
    throw new LogError('checkpoint-rolled-back', 'the store holds fewer entries than were signed', {
      expected: signed.size,
      got: size,
    });
  }
  if (!equalBytes(log.rootAt(Number(signed.size)), signed.root)) {
    throw new LogError('fork-detected', 'the stored tree is not the one that was signed', {
      size: signed.size,
    });
  }
}
