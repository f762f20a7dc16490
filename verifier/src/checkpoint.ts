// Opening a checkpoint under a trust policy: C2SP tlog-policy (https://c2sp.org/tlog-policy) decides who has
// to have signed, C2SP tlog-cosignature says what a cosignature states.
//
// A VerifiedCheckpoint comes out of `openCheckpoint` alone, so a function that takes one needs no check of
// its own, and code that passes an unchecked one does not compile.

import { equalBytes, formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { checkSignature, openNote, timestampOf } from '@writ/core/formats/cosignature';
import { formatVkey, type VerifierKey } from '@writ/core/formats/key';
import { type Note, parseNote, verifyNote } from '@writ/core/formats/note';
import { isQuorumMet, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { emptyRoot } from '@writ/core/merkle/hash';
import { step, type Trace } from './trace.ts';

/** How far a witness clock may run ahead of ours before its cosignature stops counting as recent. */
export const MAX_CLOCK_SKEW_SECONDS = 300n;

/** A cosignature that verified. */
export interface Cosignature {
  /** Name of the witness in the trust policy. */
  readonly witness: string;
  readonly key: VerifierKey;
  /** When the witness says it signed, in POSIX seconds. */
  readonly timestampSeconds: bigint;
}

/** What all verifying functions take besides the evidence. */
export interface OpenOptions {
  readonly trace?: Trace | undefined;
  /** The reader's clock in POSIX seconds; needed with maxAgeSeconds. */
  readonly nowSeconds?: bigint | undefined;
  /** Refuse a checkpoint unless cosignatures younger than this meet the quorum. */
  readonly maxAgeSeconds?: bigint | undefined;
}

const SEAL: unique symbol = Symbol('verified checkpoint');

interface VerifiedParts {
  readonly checkpoint: Checkpoint;
  readonly note: Uint8Array;
  readonly logKeys: readonly VerifierKey[];
  readonly cosignatures: readonly Cosignature[];
}

/** A checkpoint that a log and a quorum of witnesses of some trust policy signed. Immutable. */
export class VerifiedCheckpoint {
  readonly origin: string;
  readonly size: bigint;
  /** Keys of the log that signed, at least one. */
  readonly logKeys: readonly VerifierKey[];
  readonly cosignatures: readonly Cosignature[];
  readonly #root: Uint8Array;
  readonly #note: Uint8Array;

  /** Only `openCheckpoint` holds the seal. */
  constructor(seal: typeof SEAL, parts: VerifiedParts) {
    if (seal !== SEAL) throw new TypeError('a VerifiedCheckpoint is made by openCheckpoint alone');
    this.origin = parts.checkpoint.origin;
    this.size = parts.checkpoint.size;
    this.logKeys = Object.freeze([...parts.logKeys]);
    this.cosignatures = Object.freeze([...parts.cosignatures]);
    this.#root = parts.checkpoint.root.slice();
    this.#note = parts.note.slice();
    Object.freeze(this);
  }

  /** RFC 6962 root: 32 bytes, a copy. */
  get root(): Uint8Array {
    return this.#root.slice();
  }

  /** The signed note, verbatim: a copy. */
  get note(): Uint8Array {
    return this.#note.slice();
  }
}

/**
 * Verifies a checkpoint note under `policy`: a listed log of that origin signed it, every cosignature of a
 * listed witness verifies, and they meet the quorum; with `maxAgeSeconds`, recently enough.
 * LogError note-malformed, checkpoint-malformed, origin-unknown, note-bad-signature, note-unverified,
 * quorum-not-met, checkpoint-stale.
 */
export function openCheckpoint(
  noteBytes: Uint8Array,
  policy: TrustPolicy,
  { trace, nowSeconds, maxAgeSeconds }: OpenOptions = {},
): VerifiedCheckpoint {
  if (maxAgeSeconds !== undefined && nowSeconds === undefined)
    throw new TypeError('maxAgeSeconds needs nowSeconds');
  const { note, checkpoint } = step(
    trace,
    'checkpoint format',
    () => readCheckpoint(noteBytes),
    ({ checkpoint: { origin, size, root } }) => ({
      why: 'the note is a checkpoint',
      got: `${origin}, size ${size}, root ${formatHex(root)}`,
    }),
  );
  const keys = step(
    trace,
    'origin',
    () => keysOfOrigin(policy, checkpoint.origin),
    () => ({ why: 'the trust policy lists a log with this origin', got: checkpoint.origin }),
  );
  const logKeys = step(
    trace,
    'log signature',
    () => openNote(note, keys, checkOnce).map(({ key }) => key),
    (signers) => ({
      why: 'a key of the log signed the checkpoint',
      expected: keys.map(formatVkey).join(', '),
      got: signers.map(formatVkey).join(', '),
    }),
  );
  const cosignatures = openCosignatures(note, policy, trace);
  if (maxAgeSeconds !== undefined && nowSeconds !== undefined) {
    step(
      trace,
      'freshness',
      () => requireFresh(policy, cosignatures, nowSeconds, maxAgeSeconds),
      () => ({ why: `the quorum signed within the last ${maxAgeSeconds} seconds` }),
    );
  }
  return new VerifiedCheckpoint(SEAL, { checkpoint, note: noteBytes, logKeys, cosignatures });
}

function readCheckpoint(noteBytes: Uint8Array): { note: Note; checkpoint: Checkpoint } {
  const note = parseNote(noteBytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.size === 0n && !equalBytes(checkpoint.root, emptyRoot()))
    throw new LogError('checkpoint-malformed', 'a tree without leaves cannot have this root', {
      field: 'root',
      line: 3,
    });
  return { note, checkpoint };
}

/** A policy line `log` names the origin by the name of its key (C2SP tlog-policy). */
function keysOfOrigin(policy: TrustPolicy, origin: string): VerifierKey[] {
  const keys = policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
  if (keys.length > 0) return keys;
  throw new LogError('origin-unknown', `the trust policy lists no log ${origin}`, {
    expected: policy.logs.map(({ key }) => key.name).join(', '),
    got: origin,
  });
}

function openCosignatures(
  note: Note,
  policy: TrustPolicy,
  trace: Trace | undefined,
): readonly Cosignature[] {
  return step(
    trace,
    'cosignatures',
    () => {
      const cosignatures = verifiedCosignatures(note, policy);
      requireQuorum(policy, cosignatures);
      return cosignatures;
    },
    (cosignatures) => ({
      why:
        policy.quorum === undefined
          ? 'the trust policy asks for no witness'
          : 'witnesses that meet the quorum cosigned the checkpoint',
      expected: describeQuorum(policy),
      got: cosignatures
        .map(({ witness, timestampSeconds: at }) => `${witness} at ${at}`)
        .join(', '),
    }),
  );
}

function verifiedCosignatures(note: Note, policy: TrustPolicy): Cosignature[] {
  const names = new Map([...policy.witnesses.values()].map(({ key, name }) => [key, name]));
  return verifyNote(note, [...names.keys()], checkOnce).map((verified) => ({
    witness: names.get(verified.key) ?? '',
    key: verified.key,
    timestampSeconds: timestampOf(verified),
  }));
}

/** How many signatures of a key are remembered: enough for proofs under a few checkpoints in any order. */
const MAX_REMEMBERED = 4;

/** Signatures that verified, newest first, with copies of all that was signed. */
const remembered = new WeakMap<
  VerifierKey,
  readonly { readonly text: Uint8Array; readonly signature: Uint8Array }[]
>();

/**
 * As `checkSignature`, but once for each signature of a key on a text: many proofs are under one checkpoint.
 * Only what verified is remembered, and only the very same bytes are recognized.
 */
function checkOnce(key: VerifierKey, text: string, signature: Uint8Array): boolean {
  const known = remembered.get(key) ?? [];
  if (known.some((one) => equalBytes(one.signature, signature) && equalBytes(one.text, utf8(text))))
    return true;
  if (!checkSignature(key, text, signature)) return false;
  const newest = { text: utf8(text), signature: signature.slice() };
  remembered.set(key, [newest, ...known.slice(0, MAX_REMEMBERED - 1)]);
  return true;
}

function requireQuorum(policy: TrustPolicy, cosignatures: readonly Cosignature[]): void {
  const names = new Set(cosignatures.map(({ witness }) => witness));
  if (isQuorumMet(policy, names)) return;
  throw new LogError('quorum-not-met', 'too few witnesses of the trust policy cosigned', {
    expected: describeQuorum(policy),
    got: names.size === 0 ? 'none' : [...names].join(', '),
  });
}

/** One lying witness clock must not make an old checkpoint look young: the quorum as a whole has to be recent. */
function requireFresh(
  policy: TrustPolicy,
  cosignatures: readonly Cosignature[],
  nowSeconds: bigint,
  maxAgeSeconds: bigint,
): void {
  const [oldest, newest] = [nowSeconds - maxAgeSeconds, nowSeconds + MAX_CLOCK_SKEW_SECONDS];
  const recent = cosignatures.filter(
    ({ timestampSeconds: at }) => at > 0n && at >= oldest && at <= newest,
  );
  const names = new Set(recent.map(({ witness }) => witness));
  if (names.size > 0 && isQuorumMet(policy, names)) return;
  throw new LogError('checkpoint-stale', 'no quorum of cosignatures is recent enough', {
    expected: `cosigned between ${oldest} and ${newest}`,
    got: cosignatures.map(({ witness, timestampSeconds: at }) => `${witness} at ${at}`).join(', '),
  });
}

/** The quorum rule in words: `2 of (w1, w2, w3)`. */
export function describeQuorum({ groups, quorum }: TrustPolicy): string {
  const describe = (name: string): string => {
    const group = groups.get(name);
    return group === undefined
      ? name
      : `${group.threshold} of (${group.members.map(describe).join(', ')})`;
  };
  return quorum === undefined ? 'none' : describe(quorum);
}
