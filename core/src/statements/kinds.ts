// The kinds of statements: what each payload holds and on which streams it may stand (spec/statement.md
// section 5, spec/statement.cddl). A new kind is a row here, and a reader in kinds/.

import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import type { CborValue } from '../cbor/value.ts';
import {
  type Denial,
  type LogKey,
  type LogProtocol,
  logValue,
  type Note,
  readDenial,
  readLogKey,
  readLogProtocol,
  readNote,
  readStateRoot,
  type StateRoot,
} from './kinds/log.ts';
import { ShapeError } from './kinds/shape.ts';
import {
  type ConstitutionAmend,
  type KeyRevoke,
  type KeyRotate,
  type PolicyChange,
  type PolicyDisable,
  type PolicyRollback,
  type QuarantineVote,
  readConstitutionAmend,
  readKeyRevoke,
  readKeyRotate,
  readPolicyChange,
  readPolicyDisable,
  readPolicyRollback,
  readQuarantineVote,
  readVillageCreate,
  readVote,
  type VillageCreate,
  type Vote,
  villageValue,
} from './kinds/village.ts';
import { malformed } from './malformed.ts';
import type { Statement } from './statement.ts';
import type { StreamFamily } from './stream-id.ts';

/** The payload of a statement, by its kind. */
export type Payload =
  | PolicyChange
  | PolicyDisable
  | PolicyRollback
  | VillageCreate
  | ConstitutionAmend
  | KeyRotate
  | KeyRevoke
  | Vote
  | QuarantineVote
  | StateRoot
  | LogKey
  | LogProtocol
  | Denial
  | Note;

interface Kind {
  readonly families: readonly StreamFamily[];
  /** Throws ShapeError with the reason. */
  readonly read: (value: CborValue) => Payload;
}

const VILLAGE: readonly StreamFamily[] = ['village'];
const LOG: readonly StreamFamily[] = ['log'];
const AUDIT: readonly StreamFamily[] = ['audit'];

// A Map: kinds are foreign text, and `constructor` is none of them.
const KINDS: ReadonlyMap<string, Kind> = new Map<Payload['kind'], Kind>([
  ['village-create', { families: VILLAGE, read: readVillageCreate }],
  ['constitution-amend', { families: VILLAGE, read: readConstitutionAmend }],
  ['policy-change', { families: ['village', 'inbox'], read: readPolicyChange }],
  ['policy-disable', { families: VILLAGE, read: readPolicyDisable }],
  ['policy-rollback', { families: VILLAGE, read: readPolicyRollback }],
  ['key-rotate', { families: VILLAGE, read: readKeyRotate }],
  ['key-revoke', { families: VILLAGE, read: readKeyRevoke }],
  ['approve', { families: VILLAGE, read: readVote('approve') }],
  ['reject', { families: VILLAGE, read: readVote('reject') }],
  ['withdraw', { families: VILLAGE, read: readVote('withdraw') }],
  ['activate', { families: VILLAGE, read: readVote('activate') }],
  ['quarantine-approve', { families: VILLAGE, read: readQuarantineVote('quarantine-approve') }],
  ['quarantine-reject', { families: VILLAGE, read: readQuarantineVote('quarantine-reject') }],
  ['state-root', { families: LOG, read: readStateRoot }],
  ['log-key', { families: LOG, read: readLogKey }],
  ['log-protocol', { families: LOG, read: readLogProtocol }],
  ['denial', { families: AUDIT, read: readDenial }],
  ['note', { families: AUDIT, read: readNote }],
]);

/** The kinds that this version knows. */
export const STATEMENT_KINDS: readonly string[] = [...KINDS.keys()];

/**
 * What the payload of a statement means. Throws LogError `statement-malformed` for an unknown kind (field
 * `content type`), a stream that the kind has no place on (`stream`) and a payload of another shape.
 */
export function decodePayload(statement: Statement): Payload {
  const kind = KINDS.get(statement.kind);
  if (kind === undefined) malformed('content type', `kind ${statement.kind} is not known`, 0);
  if (!kind.families.includes(statement.streamId.family)) {
    malformed('stream', `a ${statement.kind} has no place on ${statement.stream}`, 0);
  }
  try {
    return kind.read(decodeCbor(statement.payload));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return malformed('payload', error.message, statement.payloadOffset, error);
  }
}

/** The payload bytes that `decodePayload` reads back. Throws RangeError when a field breaks the format. */
export function encodePayload(payload: Payload): Uint8Array {
  const value = payloadValue(payload);
  try {
    KINDS.get(payload.kind)?.read(value);
  } catch (error) {
    if (error instanceof ShapeError)
      throw new RangeError(`payload ${error.message}`, { cause: error });
    throw error;
  }
  return encodeCbor(value);
}

function payloadValue(payload: Payload): CborValue {
  switch (payload.kind) {
    case 'note':
    case 'denial':
    case 'state-root':
    case 'log-key':
    case 'log-protocol':
      return logValue(payload);
    default:
      return villageValue(payload);
  }
}
