// Which policy a remote dry run is of (spec/policy-api.md section 7). The log only says what is wanted; that it may be
// tried follows from the state that this node has verified.

import { formatHex, parseBase64 } from '@writ/core/bytes';
import { Ed25519Verifier } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { openPayload } from '@writ/core/statements/kinds';
import { checkStatementSignature, decodeStatement } from '@writ/core/statements/statement';
import { hasRole, meetsQuorum } from '@writ/core/streams/constitution-check';
import { memberNamed, type VillageState, validKey } from '@writ/core/streams/village-state';
import type { DryRunRequest, FAILURE_CODES } from '../engine/transcript.ts';

/** What is tried. */
export interface DryRunSubject {
  readonly spec: Uint8Array;
  /** The version that the spec is, or would be. */
  readonly version: number;
  /**
   * Whether the package that it pins may be run although no policy in force names it. The package gets the credentials
   * of the host, so one member alone may choose it only where he alone could put the policy in force.
   */
  readonly mayBringPackage: boolean;
}

/** Why a request is not answered with what it asks for. */
export interface Declined {
  readonly code: (typeof FAILURE_CODES)[number];
  readonly reason: string;
}

/**
 * The policy that `request` names: the version in force, or a draft that a member signed who may author policies.
 * `specOf` gives a spec by its digest in hexadecimal.
 */
export async function dryRunSubject(
  request: DryRunRequest,
  state: VillageState | null,
  specOf: (digest: string) => Promise<Uint8Array | undefined>,
): Promise<DryRunSubject | Declined> {
  if (state === null) return declined('policy-unknown', 'the node knows no such village');
  if (request.draft !== null) return draftOf(request, request.draft, state);
  const policy = state.policies.get(request.policy);
  if (policy?.version !== request.version || policy.digest === null)
    return declined(
      'policy-unknown',
      'that version is not in force as far as the node has verified',
    );
  const spec = await specOf(formatHex(policy.digest));
  if (spec === undefined) return declined('policy-unknown', 'the node does not have the spec yet');
  return { spec, version: policy.version, mayBringPackage: true };
}

function draftOf(
  { policy, opening }: DryRunRequest,
  draft: string,
  state: VillageState,
): DryRunSubject | Declined {
  const refused = (reason: string): Declined => declined('draft-refused', reason);
  const bytes = parseBase64(draft);
  const opened = opening === null ? undefined : parseBase64(opening);
  if (bytes === undefined || (opening !== null && opened === undefined))
    return refused('the draft is not base64');
  try {
    const statement = decodeStatement(bytes);
    if (statement.stream !== `village/${state.village}`)
      return refused('the draft is for another stream');
    const payload = openPayload(statement, opened);
    if (payload.kind !== 'policy-change') return refused('the draft is no policy-change');
    if (payload.policy !== policy) return refused('the draft is of another policy');
    const record = validKey(state, statement.keyId);
    const member = record && memberNamed(state, record.member);
    const rule = state.law.rules.policy;
    if (record === undefined || member === undefined || !hasRole(member, rule.authors))
      return refused('no member who may author policies has the key of the draft');
    checkStatementSignature(statement, new Ed25519Verifier(record.key));
    const isAlone = hasRole(member, rule.approvers) && meetsQuorum(rule.quorum, [member]);
    return { spec: payload.spec, version: payload.version, mayBringPackage: isAlone };
  } catch (error) {
    if (!isLogError(error)) throw error;
    return refused(error.message);
  }
}

function declined(code: Declined['code'], reason: string): Declined {
  return { code, reason };
}
