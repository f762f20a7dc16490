// A signed policy-change in the body of a request, alone or with its opening (spec/policy-api.md section 4).

import { bug, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { openPayload } from '@writ/core/statements/kinds';
import type { PolicyChange } from '@writ/core/statements/kinds/village';
import { MAX_OPENING_SIZE } from '@writ/core/statements/sealed';
import {
  checkStatementSignatureAsync,
  decodeStatement,
  type Statement,
} from '@writ/core/statements/statement';
import { memberNamed, validKey } from '@writ/core/streams/village-state';
import type { ApiVillage } from './api-village.ts';
import type { BodyReader } from './body.ts';
import { invalidRequest } from './errors.ts';
import type { Call } from './reply.ts';
import { BYTES, CBOR_SEQUENCE, COSE } from './route-parts.ts';
import { requireType } from './submit.ts';
import { type Submitted, splitSubmitted } from './submitted.ts';

/** The statement in the body, and its opening. LogError media-type-unsupported, body-too-large, cbor-malformed. */
export async function readSubmitted(bodies: BodyReader, call: Call): Promise<Submitted> {
  const type = requireType(call, [COSE, BYTES, CBOR_SEQUENCE]);
  if (type !== CBOR_SEQUENCE)
    return { bytes: await bodies.read(call.c, MAX_ENTRY_SIZE), opening: undefined };
  const body = await bodies.read(call.c, MAX_ENTRY_SIZE + MAX_OPENING_SIZE);
  const [submitted = bug('a sequence without items')] = splitSubmitted(body, 1);
  return submitted;
}

/** What the statement says, where it is a change of a policy of this village. LogError request-invalid. */
export function requireChange(
  { stream }: Pick<Statement, 'stream'>,
  payload: ReturnType<typeof openPayload>,
  { village, policy }: { readonly village: string; readonly policy: string | undefined },
): PolicyChange {
  if (stream !== `village/${village}` || payload.kind !== 'policy-change')
    throw invalidRequest('body', `expected a policy-change on village/${village}`);
  if (policy !== undefined && payload.policy !== policy)
    throw invalidRequest('body', 'the statement is about another policy than the path');
  return payload;
}

/**
 * A draft that a member of the village has signed. It need not continue the stream, and goes nowhere. LogError
 * statement-malformed, opening-*, author-unknown, statement-bad-signature, request-invalid.
 */
export async function requireDraft(
  { id, state, ledger }: ApiVillage,
  { bytes, opening }: Submitted,
  policy: string,
): Promise<PolicyChange> {
  const statement = decodeStatement(bytes);
  const payload = openPayload(statement, opening);
  if (payload.kind === 'sealed')
    throw new LogError('opening-missing', 'a sealed draft comes with its opening', {
      field: 'opening',
    });
  const change = requireChange(statement, payload, { village: id, policy });
  const record = validKey(state, statement.keyId);
  if (record === undefined || memberNamed(state, record.member) === undefined)
    throw new LogError('author-unknown', 'key id: no member of the village holds this key', {
      field: 'key id',
    });
  await checkStatementSignatureAsync(statement, ledger.verifiers.of(record.key));
  return change;
}
