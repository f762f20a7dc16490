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
import {
  type ExecutionIntent,
  type ExecutionOutcome,
  type ExecutionSuppressed,
  type ExecutionUnknown,
  nodeValue,
  readExecutionIntent,
  readExecutionOutcome,
  readExecutionSuppressed,
  readExecutionUnknown,
} from './kinds/node.ts';
import {
  type DriftReport,
  type DryRun,
  type NodeHosts,
  type PolicyOverride,
  type RecordsLost,
  readDriftReport,
  readDryRun,
  readNodeHosts,
  readPolicyOverride,
  readRecordsLost,
  readStateApplied,
  type StateApplied,
} from './kinds/node-reports.ts';
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
import { checkFieldCbor, malformed } from './malformed.ts';
import {
  openSealed,
  readSealed,
  SEALED_ISSUER,
  SEALED_TIME,
  type Sealed,
  sealedValue,
} from './sealed.ts';
import type { Statement } from './statement.ts';
import type { StreamFamily } from './stream-id.ts';

/** The payload of a record of a node, by its kind. */
export type NodePayload =
  | ExecutionIntent
  | ExecutionOutcome
  | ExecutionUnknown
  | ExecutionSuppressed
  | StateApplied
  | DriftReport
  | PolicyOverride
  | DryRun
  | NodeHosts
  | RecordsLost;

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
  | Note
  | NodePayload
  | Sealed;

interface Kind {
  readonly families: readonly StreamFamily[];
  /** Throws ShapeError with the reason. */
  readonly read: (value: CborValue) => Payload;
}

const VILLAGE: readonly StreamFamily[] = ['village'];
const LOG: readonly StreamFamily[] = ['log'];
const AUDIT: readonly StreamFamily[] = ['audit'];
const NODE: readonly StreamFamily[] = ['node'];

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
  ['execution-intent', { families: NODE, read: readExecutionIntent }],
  ['execution-outcome', { families: NODE, read: readExecutionOutcome }],
  ['execution-unknown', { families: NODE, read: readExecutionUnknown }],
  ['execution-suppressed', { families: NODE, read: readExecutionSuppressed }],
  ['state-applied', { families: NODE, read: readStateApplied }],
  ['drift-report', { families: NODE, read: readDriftReport }],
  ['policy-override', { families: NODE, read: readPolicyOverride }],
  ['dry-run', { families: NODE, read: readDryRun }],
  ['node-hosts', { families: NODE, read: readNodeHosts }],
  ['records-lost', { families: NODE, read: readRecordsLost }],
  ['sealed', { families: ['village', 'inbox', 'node', 'audit'], read: readSealed }],
]);

/** The kinds that this version knows. */
export const STATEMENT_KINDS: readonly string[] = [...KINDS.keys()];

/**
 * What the payload of a statement means. Throws LogError `statement-malformed` for an unknown kind (field
 * `content type`), a stream that the kind has no place on (`stream`) and a payload of another shape.
 */
export function decodePayload(statement: Statement): Payload {
  const payload = readAs(statement.kind, statement.payload, statement);
  if (payload.kind !== 'sealed') return payload;
  // What is sealed claims nothing in clear: there is one way to write it.
  if (statement.issuer !== SEALED_ISSUER) malformed('issuer', 'of what is sealed must be -', 0);
  if (statement.issuedAtSeconds !== SEALED_TIME)
    malformed('issued at', 'of what is sealed must be 0', 0);
  return payload;
}

function readAs(name: string, payload: Uint8Array, statement: Statement): Payload {
  const kind = KINDS.get(name);
  if (kind === undefined) malformed('content type', `kind ${name} is not known`, 0);
  if (!kind.families.includes(statement.streamId.family))
    malformed('stream', `a ${name} has no place on ${statement.stream}`, 0);
  try {
    return kind.read(decodeCbor(payload));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return malformed('payload', error.message, statement.payloadOffset, error);
  }
}

/**
 * As `decodePayload`, and the payload behind a seal where its opening is given; without it the payload is `Sealed`.
 * Throws LogError opening-failed for an opening of something else, opening-malformed, and statement-malformed for an
 * opening beside a statement that is not sealed, and for a seal in a seal.
 */
export function openPayload(statement: Statement, opening: Uint8Array | undefined): Payload {
  const payload = decodePayload(statement);
  if (opening === undefined) return payload;
  if (payload.kind !== 'sealed') malformed('payload', 'is not sealed and has an opening', 0);
  const { kind, payload: inner } = openSealed(payload, opening);
  if (kind === 'sealed') malformed('payload', 'is sealed within the seal', 0);
  checkFieldCbor(inner, 'payload', 0);
  return readAs(kind, inner, statement);
}

/** As `openPayload`, with the opening that `find` has for the commitment of a sealed statement. */
export function findPayload(
  statement: Statement,
  find: (commitment: Uint8Array) => Uint8Array | undefined,
): Payload {
  const payload = decodePayload(statement);
  return payload.kind === 'sealed' ? openPayload(statement, find(payload.commitment)) : payload;
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
    case 'sealed':
      return sealedValue(payload);
    case 'execution-intent':
    case 'execution-outcome':
    case 'execution-unknown':
    case 'execution-suppressed':
    case 'state-applied':
    case 'drift-report':
    case 'policy-override':
    case 'dry-run':
    case 'node-hosts':
    case 'records-lost':
      return nodeValue(payload);
    default:
      return villageValue(payload);
  }
}
