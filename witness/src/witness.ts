// The witness itself: C2SP tlog-witness (https://c2sp.org/tlog-witness@v1.0.0), "add-checkpoint", without
// I/O. Checks come in the order of the document; http-server.ts maps the code of each to a status.

import { equalBytes, parseUtf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { type AddCheckpoint, parseAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNoteAsync, signTextAsync } from '@writ/core/formats/cosignature';
import { formatVkey, KEY_TYPES, type SignerKey, type VerifierKey } from '@writ/core/formats/key';
import type { Note, NoteSignature } from '@writ/core/formats/note';
import {
  claimedSignatures,
  formatNote,
  formatSignatureLine,
  parseNote,
} from '@writ/core/formats/note';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { emptyRoot } from '@writ/core/merkle/hash';
import { type Head, type Heads, originHash } from './heads.ts';
import { type Clocks, createSigningClock } from './signing-clock.ts';

type Say = (fields: object, message: string) => void;

/** The outside world, handed in; the logger has the shape of pino. */
export interface Env extends Clocks {
  readonly log: Readonly<Record<'info' | 'warn' | 'error', Say>>;
}

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
   * Answers the body of a request with cosignature lines, once the new head is durable. LogError:
   * request-malformed, note-malformed, checkpoint-malformed, origin-unknown, note-unverified,
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

interface Log {
  readonly id: string;
  readonly keys: VerifierKey[];
}

/** A request whose log signature verified. `note` has the text and the lines that verified. */
interface Submission extends AddCheckpoint {
  readonly log: Log;
  readonly tree: Checkpoint;
  readonly note: Note;
}

/** Makes a witness. TypeError without signers or with a key that cannot cosign. */
export function createWitness({ signers, logs, heads, env }: WitnessOptions): Witness {
  if (signers.length === 0 || signers.some(({ type }) => !KEY_TYPES[type].isCosignature))
    throw new TypeError('a witness needs cosignature keys');
  const nextSeconds = createSigningClock(env, heads.latestTimestampSeconds());
  const inTurn = createTurns();
  let known = groupByOrigin(logs);

  /** The same text again in the same second: answered from the record, so that replays cost no write. */
  function repeated({ note, tree }: Submission, head: Head | undefined, seconds: bigint) {
    if (head?.timestampSeconds !== seconds || head.size !== tree.size) return undefined;
    const recorded = parseNote(head.note);
    const own = linesOf(recorded, signers);
    if (recorded.text !== note.text || own.length !== signers.length) return undefined;
    return own.map(formatSignatureLine).join('');
  }

  /** Compares, signs and stores; runs alone for its log. */
  async function update(submission: Submission): Promise<string> {
    const { log, tree, note, oldSize } = submission;
    const head = await heads.read(log.id);
    if (oldSize !== (head?.size ?? 0n)) throw conflict(head);
    requireConsistency(submission, head, env);
    const timestampSeconds = nextSeconds();
    const known = repeated(submission, head, timestampSeconds);
    if (known !== undefined) return known;
    const cosignatures = await Promise.all(
      signers.map((signer) => signTextAsync(signer, note.text, timestampSeconds)),
    );
    const whole = { text: note.text, signatures: [...note.signatures, ...cosignatures] };
    const next = { ...tree, note: formatNote(whole), timestampSeconds };
    // The cosignatures exist now, but nobody gets them before the swap says that they are on disk.
    if (!(await heads.swap(log.id, oldSize, next))) throw conflict(await heads.read(log.id));
    return cosignatures.map(formatSignatureLine).join('');
  }

  return {
    vkeys: signers.map(formatVkey),
    addCheckpoint: async (body) => {
      const submission = await openSubmission(body, known);
      return inTurn(submission.log.id, () => update(submission));
    },
    latest: async (id) => (await heads.read(id))?.note,
    setLogs: (next) => {
      known = groupByOrigin(next);
    },
    checkReady: async () => {
      nextSeconds({ isTrial: true });
      await heads.read(originHash('')); // fails when the store does
    },
  };
}

function groupByOrigin(keys: readonly VerifierKey[]): Map<string, Log> {
  const logs = new Map<string, Log>();
  for (const key of keys) {
    const log = logs.get(key.name) ?? { id: originHash(key.name), keys: [] };
    log.keys.push(key);
    logs.set(key.name, log);
  }
  return logs;
}

/** Runs the tasks of one log one after the other. */
function createTurns(): <T>(id: string, task: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (id, task) => {
    const turn = (last.get(id) ?? Promise.resolve()).then(task, task);
    last.set(id, turn);
    const forget = (): unknown => last.get(id) === turn && last.delete(id);
    turn.then(forget, forget);
    return turn;
  };
}

/** Everything that can be decided without the state: form, origin, signatures, order of the sizes. */
async function openSubmission(body: Uint8Array, logs: Map<string, Log>): Promise<Submission> {
  const request = parseAddCheckpoint(body);
  const received = parseNote(request.checkpoint);
  const tree = parseCheckpoint(received.text);
  const log = logs.get(tree.origin);
  if (log === undefined) throw new LogError('origin-unknown', 'this witness does not know the log');
  const signatures = linesOf(received, log.keys);
  const verified = await openNoteAsync({ text: received.text, signatures }, log.keys);
  const note = { text: received.text, signatures: verified.map(({ signature }) => signature) };
  if (request.oldSize > tree.size)
    throw new LogError('request-malformed', 'line 1: the old size is above the checkpoint size');
  return { ...request, log, tree, note };
}

/** The lines that name one of `keys`, each once: a hundred copies would cost a hundred verifications. */
function linesOf(note: Note, keys: readonly (SignerKey | VerifierKey)[]): NoteSignature[] {
  const claimed = claimedSignatures(note, keys).map(({ signature }) => signature);
  return [...new Map(claimed.map((line) => [formatSignatureLine(line), line])).values()];
}

/** RFC 6962 consistency with the head on record; the empty tree stands for no head. */
function requireConsistency(submission: Submission, head: Head | undefined, env: Env): void {
  const { tree, oldSize, proof, note } = submission;
  const oldRoot = head?.root ?? emptyRoot();
  if (checkConsistency({ oldSize, oldRoot, size: tree.size, root: tree.root, proof })) return;
  const recorded = head === undefined ? undefined : parseUtf8(head.note);
  const evidence = { submitted: parseUtf8(formatNote(note)), recorded };
  if (head !== undefined && tree.size === oldSize && !equalBytes(tree.root, oldRoot)) {
    // Two notes that the log signed and that cannot both be true: proof by themselves. Keep them.
    env.log.error(evidence, 'the log signed two different trees of one size');
    throw new LogError('fork-detected', 'the witness has another root on record for this size');
  }
  env.log.warn(evidence, 'a signed checkpoint came without a valid consistency proof');
  throw new LogError('consistency-failed', 'the consistency proof does not verify');
}

function conflict(head: Head | undefined): LogError {
  const size = head?.size ?? 0n;
  return new LogError('witness-conflict', 'the old size is not the recorded size', { size });
}
