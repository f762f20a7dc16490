// The witness itself: C2SP tlog-witness (https://c2sp.org/tlog-witness@v1.0.0), "add-checkpoint", without
// I/O. Checks come in the order of the document; each throws a LogError whose code http.ts maps to a status.

import { equalBytes, parseUtf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { type AddCheckpoint, parseAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote, signText } from '@writ/core/formats/cosignature';
import { formatVkey, KEY_TYPES, type SignerKey, type VerifierKey } from '@writ/core/formats/key';
import {
  formatNote,
  formatSignatureLine,
  type Note,
  type NoteSignature,
  parseNote,
} from '@writ/core/formats/note';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { emptyRoot } from '@writ/core/merkle/hash';
import type { Env } from './env.ts';
import { type Head, type Heads, originHash } from './heads.ts';
import { createSigningClock } from './signing-clock.ts';

export interface WitnessOptions {
  /** Cosigner keys, at least one. */
  readonly signers: readonly SignerKey[];
  /** Log keys; the name of a key is the origin of its log. */
  readonly logs: readonly VerifierKey[];
  readonly heads: Heads;
  readonly env: Env;
}

export interface Witness {
  readonly vkeys: readonly string[];
  /**
   * Answers the body of an add-checkpoint request with cosignature lines, after the new head is durable.
   * LogError: request-malformed, note-malformed, checkpoint-malformed, origin-unknown, note-unverified,
   * note-bad-signature, witness-conflict (detail.size), consistency-failed, fork-detected,
   * clock-implausible, storage-failed, storage-corrupt.
   */
  addCheckpoint(body: Uint8Array): Promise<string>;
  /** The latest cosigned checkpoint of a log by `originHash`, as a note. */
  latest(originHash: string): Promise<Uint8Array | undefined>;
  /** Replaces the list of logs; requests under way finish under the old one. */
  setLogs(logs: readonly VerifierKey[]): void;
  /** Throws the LogError that would keep the witness from signing now. */
  checkReady(): Promise<void>;
}

/** A log by its origin. */
interface Log {
  readonly id: string;
  readonly keys: VerifierKey[];
}

/** A request whose log signature verified. */
interface Submission extends AddCheckpoint {
  readonly log: Log;
  readonly tree: Checkpoint;
  /** The text and the signatures of the log's keys that verified. */
  readonly note: Note;
}

/** Makes a witness. TypeError without signers or with a key that cannot cosign. */
export function createWitness({ signers, logs, heads, env }: WitnessOptions): Witness {
  if (signers.length === 0 || signers.some(({ type }) => !KEY_TYPES[type].isCosignature))
    throw new TypeError('a witness needs cosignature keys');
  const clock = createSigningClock(() => env.nowMs(), heads.latestTimestampSeconds());
  const inTurn = createTurns();
  let known = groupByOrigin(logs);

  /** Compares, signs and stores; runs alone for its log. */
  async function update(submission: Submission): Promise<string> {
    const { log, tree, note, oldSize } = submission;
    const head = await heads.read(log.id);
    if (oldSize !== (head?.size ?? 0n)) throw conflict(head);
    requireConsistency(submission, head, env);
    const timestampSeconds = clock.nextSeconds();
    const repeated = repeatedCosignatures(note.text, head, timestampSeconds, signers);
    if (repeated !== undefined) return repeated.map(formatSignatureLine).join('');
    const cosignatures = signers.map((signer) => signText(signer, note.text, timestampSeconds));
    const next: Head = {
      origin: tree.origin,
      size: tree.size,
      root: tree.root,
      note: formatNote({ text: note.text, signatures: [...note.signatures, ...cosignatures] }),
      timestampSeconds,
    };
    // From here the cosignatures exist, but nobody has them before the swap says that they are on disk.
    if (!(await heads.swap(log.id, oldSize, next))) throw conflict(await heads.read(log.id));
    return cosignatures.map(formatSignatureLine).join('');
  }

  return {
    vkeys: signers.map(formatVkey),
    addCheckpoint: async (body) => {
      const submission = openSubmission(body, known);
      return inTurn(submission.log.id, () => update(submission));
    },
    latest: async (id) => (await heads.read(id))?.note,
    setLogs: (next) => {
      known = groupByOrigin(next);
    },
    checkReady: async () => {
      clock.nextSeconds();
      await heads.read(originHash(''));
    },
  };
}

function groupByOrigin(keys: readonly VerifierKey[]): Map<string, Log> {
  const logs = new Map<string, Log>();
  for (const key of keys) {
    const log = logs.get(key.name);
    if (log === undefined) logs.set(key.name, { id: originHash(key.name), keys: [key] });
    else log.keys.push(key);
  }
  return logs;
}

/** Runs the tasks of one key one after the other. */
function createTurns(): <T>(key: string, task: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(task, task);
    last.set(key, turn);
    const forget = (): void => {
      if (last.get(key) === turn) last.delete(key);
    };
    turn.then(forget, forget);
    return turn;
  };
}

/** Everything that can be decided without the state: form, origin, signatures, order of the sizes. */
function openSubmission(body: Uint8Array, logs: ReadonlyMap<string, Log>): Submission {
  const request = parseAddCheckpoint(body);
  const received = parseNote(request.checkpoint);
  const tree = parseCheckpoint(received.text);
  const log = logs.get(tree.origin);
  if (log === undefined) throw new LogError('origin-unknown', 'this witness does not know the log');
  const verified = openNote(knownLinesOnce(received, log.keys), log.keys);
  const note = { text: received.text, signatures: verified.map(({ signature }) => signature) };
  if (request.oldSize > tree.size)
    throw new LogError('request-malformed', 'the old size is above the checkpoint size', {
      line: 1,
    });
  return { ...request, log, tree, note };
}

/** Without this, a hundred copies of one good line cost a hundred verifications. */
function knownLinesOnce({ text, signatures }: Note, keys: readonly VerifierKey[]): Note {
  const lines = new Map<string, NoteSignature>();
  for (const signature of signatures) {
    if (keys.some(({ name, id }) => name === signature.name && id === signature.id))
      lines.set(formatSignatureLine(signature), signature);
  }
  return { text, signatures: [...lines.values()] };
}

/** RFC 6962 consistency with the head on record; the empty tree stands for no head. */
function requireConsistency(submission: Submission, head: Head | undefined, env: Env): void {
  const { tree, oldSize, proof, note } = submission;
  const oldRoot = head?.root ?? emptyRoot();
  const { size, root } = tree;
  if (checkConsistency({ oldSize, oldRoot, size, root, proof })) return;
  const evidence = {
    origin: tree.origin,
    submitted: parseUtf8(formatNote(note)),
    recorded: head === undefined ? undefined : parseUtf8(head.note),
  };
  if (head !== undefined && size === oldSize && !equalBytes(root, oldRoot)) {
    // Two notes that the log signed and that cannot both be true: proof by themselves. Keep them.
    env.log.error(evidence, 'the log signed two different trees of one size');
    throw new LogError('fork-detected', 'the witness has another root on record for this size');
  }
  env.log.warn(evidence, 'a signed checkpoint came without a valid consistency proof');
  throw new LogError('consistency-failed', 'the consistency proof does not verify');
}

/** The same text again in the same second gets the same answer, without signing or writing again. */
function repeatedCosignatures(
  text: string,
  head: Head | undefined,
  timestampSeconds: bigint,
  signers: readonly SignerKey[],
): NoteSignature[] | undefined {
  if (head?.timestampSeconds !== timestampSeconds) return undefined;
  const recorded = parseNote(head.note);
  if (recorded.text !== text) return undefined;
  const own = signers.map(({ name, id }) =>
    recorded.signatures.find((line) => line.name === name && line.id === id),
  );
  return own.every((line) => line !== undefined) ? own : undefined;
}

function conflict(head: Head | undefined): LogError {
  const size = head?.size ?? 0n;
  return new LogError('witness-conflict', 'the old size is not the recorded size', { size });
}
