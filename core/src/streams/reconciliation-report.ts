// Reconciliation reports: what a node or an operator found when it compared its copy of a village with the log
// (spec/reconciliation.md section 3). A signed note of two lines:
//
//   writ-reconciliation/v1
//   {"active":{"id":"5f…","index":41,"seq":7},"class":"behind",…}
//
//   — node-17.example.com Az3grl…
//
// The second line is canonical JSON (RFC 8785) and Ed25519 signs deterministically, so the same facts, time
// included, give the same bytes.

import { formatHex, utf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { openNote, signText } from '../formats/cosignature.ts';
import { type SignerKey, type VerifierKey, verifierOf } from '../formats/key.ts';
import { formatNote, parseNote } from '../formats/note.ts';
import { sha256 } from '../sha256.ts';
import { formatCanonicalJson, type JsonValue, parseCanonicalJson } from '../statements/jcs.ts';

/** First line of the signed text. */
export const REPORT_HEADER = 'writ-reconciliation/v1';
/** Most entries and proposals that a report lists; the counts and the digest cover all of them. */
export const MAX_REPORT_ROWS = 1000;

/** What the comparison came to, the worst first. */
export const RECONCILIATION_CLASSES = [
  'split-view',
  'rollback',
  'lineage-fault',
  'local-drift',
  'competing-proposals',
  'not-applicable',
  'behind',
  'aligned',
] as const;
export type ReconciliationClass = (typeof RECONCILIATION_CLASSES)[number];

/** A statement of the village's stream. */
export interface HeadRef {
  readonly seq: number;
  /** Statement id in hexadecimal. */
  readonly id: string;
  /** Leaf index. */
  readonly index: number;
}

export interface CheckpointRef {
  readonly origin: string;
  /** In decimal: a size may be beyond what JSON numbers hold. */
  readonly size: string;
  /** In hexadecimal, as is `digest`, the SHA-256 of the signed note. */
  readonly root: string;
  readonly digest: string;
}

/** A statement that the node does not have yet. */
export interface PendingEntry extends HeadRef {
  readonly previous: string | null;
  readonly kind: string;
  /** What it did, as its reducer says: `activated`, `proposed`, ... */
  readonly result: string;
  /** Whether something else is in force because of it. */
  readonly isEffective: boolean;
}

/** A proposal that is open at the head. */
export interface OpenProposal {
  readonly id: string;
  /** What it changes: `policy <uuid>`, `constitution` or `revocation <member>`. */
  readonly subject: string;
  /** Version that it would make; 0 for revocations. */
  readonly version: number;
  readonly isExpired: boolean;
}

/** A policy whose local copy is not what the log says. */
export interface LocalEdit {
  readonly policy: string;
  /** SHA-256 in hexadecimal; null: it should not be there. */
  readonly expected: string | null;
  /** null: it is gone. */
  readonly found: string | null;
}

/** A file that proves a part of the report, by its SHA-256 in hexadecimal. */
export interface ProofDigest {
  readonly name: string;
  readonly sha256: string;
}

export interface SideRef {
  readonly checkpoint: CheckpointRef | null;
  readonly head: HeadRef | null;
}

/** The report itself. */
export interface ReconciliationReport {
  readonly village: string;
  readonly timeSeconds: number;
  readonly toolVersion: string;
  readonly mode: 'enforce' | 'observe';
  readonly class: ReconciliationClass;
  /** Why this class: a code of this format, or an error code of spec/errors.md. */
  readonly reason: string;
  readonly message: string;
  readonly local: SideRef;
  readonly remote: SideRef;
  /** The head to go on from: the local one wherever the remote one cannot be believed. */
  readonly selectedHead: HeadRef | null;
  /** The last statement up to the selected head that changed what is in force. */
  readonly active: HeadRef | null;
  readonly pending: {
    readonly count: number;
    /** SHA-256 of the canonical JSON of all of them. */
    readonly digest: string;
    readonly entries: readonly PendingEntry[];
  };
  readonly proposals: readonly OpenProposal[];
  readonly edits: readonly LocalEdit[];
  readonly proofs: readonly ProofDigest[];
  readonly action: { readonly pull: string; readonly apply: string };
  readonly exit: { readonly pull: number; readonly apply: number; readonly drift: number };
}

/**
 * The report as a signed note, verified before it is handed out: note-bad-signature when the signer fails. RangeError
 * for a key that is not Ed25519 for notes.
 */
export function signReport(report: ReconciliationReport, signer: SignerKey): Uint8Array {
  if (signer.type !== 0x01) throw new RangeError('reports are signed with an Ed25519 note key');
  const text = `${REPORT_HEADER}\n${formatCanonicalJson(toJson(report))}\n`;
  const note = { text, signatures: [signText(signer, text, 0n)] };
  openNote(note, [verifierOf(signer)]);
  return formatNote(note);
}

/** SHA-256 of anything that JSON can hold, in hexadecimal, over its canonical spelling. */
export function digestJson(value: object): string {
  return formatHex(sha256(utf8(formatCanonicalJson(toJson(value)))));
}

/**
 * The report in a signed note, when one of `keys` signed it. LogError note-malformed, note-unverified,
 * note-bad-signature, json-malformed.
 */
export function openReport(bytes: Uint8Array, keys: readonly VerifierKey[]): ReconciliationReport {
  const note = parseNote(bytes);
  openNote(note, keys);
  const [header, line, rest, ...more] = note.text.split('\n');
  if (header !== REPORT_HEADER || line === undefined || rest !== '' || more.length > 0)
    throw malformed(`the text is not ${REPORT_HEADER} and one line of JSON`, 'header');
  const value = parseCanonicalJson(utf8(line));
  checkReport(value);
  return value;
}

// Interfaces have no index signature, so the compiler cannot see that they are plain data.
function toJson(value: object): JsonValue {
  const copy: JsonValue = JSON.parse(JSON.stringify(value));
  return copy;
}

type Check = (value: unknown, field: string) => void;

const text: Check = (value, field) => {
  if (typeof value !== 'string') throw malformed('is not text', field);
};
const count: Check = (value, field) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw malformed('is not a count', field);
};
const flag: Check = (value, field) => {
  if (typeof value !== 'boolean') throw malformed('is not true or false', field);
};
const word =
  (words: readonly string[]): Check =>
  (value, field) => {
    if (typeof value !== 'string' || !words.includes(value))
      throw malformed(`is none of ${words.join(', ')}`, field);
  };
const matching =
  (form: RegExp, what: string): Check =>
  (value, field) => {
    if (typeof value !== 'string' || !form.test(value)) throw malformed(`is not ${what}`, field);
  };
const hash = matching(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal');
const orNull =
  (check: Check): Check =>
  (value, field) => {
    if (value !== null) check(value, field);
  };
const listOf =
  (check: Check): Check =>
  (value, field) => {
    if (!Array.isArray(value) || value.length > MAX_REPORT_ROWS)
      throw malformed(`is not a list of at most ${MAX_REPORT_ROWS}`, field);
    for (const [i, item] of value.entries()) check(item, `${field}[${i}]`);
  };
const shape =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, field) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw malformed('is not an object', field);
    const found = new Map<string, unknown>(Object.entries(value));
    for (const name of found.keys())
      if (!Object.hasOwn(members, name)) throw malformed('is not known', `${field}.${name}`);
    for (const [name, check] of Object.entries(members)) {
      if (!found.has(name)) throw malformed('is missing', `${field}.${name}`);
      check(found.get(name), `${field}.${name}`);
    }
  };

const HEAD = { seq: count, id: hash, index: count };
const SIDE = shape({
  checkpoint: orNull(
    shape({
      origin: text,
      size: matching(/^(?:0|[1-9][0-9]{0,18})$/, 'a decimal size'),
      root: hash,
      digest: hash,
    }),
  ),
  head: orNull(shape(HEAD)),
});
const PENDING = {
  ...HEAD,
  previous: orNull(hash),
  kind: text,
  result: text,
  isEffective: flag,
};
const REPORT = shape({
  village: text,
  timeSeconds: count,
  toolVersion: text,
  mode: word(['enforce', 'observe']),
  class: word(RECONCILIATION_CLASSES),
  reason: text,
  message: text,
  local: SIDE,
  remote: SIDE,
  selectedHead: orNull(shape(HEAD)),
  active: orNull(shape(HEAD)),
  pending: shape({ count, digest: hash, entries: listOf(shape(PENDING)) }),
  proposals: listOf(shape({ id: hash, subject: text, version: count, isExpired: flag })),
  edits: listOf(shape({ policy: text, expected: orNull(hash), found: orNull(hash) })),
  proofs: listOf(shape({ name: text, sha256: hash })),
  action: shape({ pull: text, apply: text }),
  exit: shape({ pull: count, apply: count, drift: count }),
});

function checkReport(value: unknown): asserts value is ReconciliationReport {
  REPORT(value, 'report');
}

function malformed(message: string, field: string): LogError {
  return new LogError('json-malformed', `${field} ${message}`, { field });
}
