// A village as one request may see it: in the published tree, and only where the request is from somebody who may ask.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import type { VillageState } from '@writ/core/streams/village-state';
import type { CheckpointRecord } from '../storage/port.ts';
import { requireLedger } from '../streams/prove.ts';
import { type Access, accessTo, readKind, signatureOf } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { requirePublished } from './read.ts';
import type { Call } from './reply.ts';

/** A village in the published tree. */
export interface Village {
  readonly id: string;
  readonly stream: string;
  readonly state: VillageState;
  readonly record: CheckpointRecord;
  /** What the reader may see: never `none` here. */
  readonly access: Access;
}

/**
 * The village of a path, in the published tree, where this request may see it. LogError request-invalid before anything
 * is looked up; not-found for no village and for a private one alike; rate-limited.
 */
export async function villageOf(deps: AppDeps, call: Call): Promise<Village> {
  const { log, publisher } = deps;
  const id = call.c.req.param('village') ?? '';
  const stream = `village/${id}`;
  if (parseStreamId(stream) === undefined) throw invalidRequest('village', 'not a village id');
  const signature = signatureOf(deps, call);
  const record = requirePublished(publisher.published);
  const ledger = requireLedger(log);
  const state = ledger.stateAt(stream, record.size);
  const access = await accessTo(deps, ledger, id, signature);
  if (state?.family !== 'village' || access === 'none') {
    const message = `there is no village ${id}, or it is private and its members alone may ask`;
    throw new LogError(
      'not-found',
      `${message}: GET /streams/${stream} proves which streams exist`,
    );
  }
  ledger.requests.take(ledger.states, readKind(access), id);
  return { id, stream, state, record, access };
}

/** What every answer about a village begins with. */
export function facts({ id, state, record }: Village): object {
  const { seq, id: statementId, index } = state.head;
  return {
    village: id,
    name: state.name,
    size: record.size,
    head: { seq, statementId: formatHex(statementId), leafIndex: index },
  };
}
