// Openings for members of private villages: beside statements on a page, and one by one.

import { formatHex, parseHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { decodePayload, openPayload, type Payload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import type { Log } from '../log/log.ts';
import { requireLedger } from '../streams/prove.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import type { Call, Reply } from './reply.ts';
import { OPENING } from './route-parts.ts';
import { villageOf } from './village-view.ts';

/** Bytes of openings on a page; one larger opening is still a page. */
export const MAX_PAGE_OPENING_BYTES: number = 4 * 1024 * 1024;

/** The opening of a statement; undefined when it is not sealed. LogError storage-corrupt when it is gone. */
export async function openingOf(log: Log, statement: Statement): Promise<Uint8Array | undefined> {
  const payload = decodePayload(statement);
  if (payload.kind !== 'sealed') return undefined;
  const opening = await requireLedger(log).openings?.store.read(payload.commitment);
  if (opening !== undefined) return opening;
  const name = formatHex(payload.commitment);
  throw new LogError('storage-corrupt', `the opening ${name} is gone: restore it from a backup`);
}

/** What a statement says, sealed or not. */
export async function payloadOf(log: Log, statement: Statement): Promise<Payload> {
  return openPayload(statement, await openingOf(log, statement));
}

/**
 * Openings of the first of `entries`: as many as fit on a page, at least one. LogError request-invalid where one is in
 * clear, as notes are that stood in an audit stream before the village of that name was founded.
 */
export async function openingsOf(log: Log, entries: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const openings: Uint8Array[] = [];
  let room = MAX_PAGE_OPENING_BYTES;
  for (const entry of entries) {
    const opening = await openingOf(log, decodeStatement(entry));
    if (opening === undefined)
      throw invalidRequest(
        'from',
        'some of these are not sealed: ask for them without a signature',
      );
    room -= opening.length;
    if (room < 0 && openings.length > 0) break;
    openings.push(opening);
  }
  return openings;
}

/** `GET /villages/{village}/openings/{statement}`: members only; a public village has none. */
export async function readOpening(deps: AppDeps, call: Call): Promise<Reply> {
  const { id, access, record } = await villageOf(deps, call);
  const statementId = parseHex(call.c.req.param('statement') ?? '');
  if (statementId?.length !== 32)
    throw invalidRequest('statement', 'expected 64 lower-case hex digits');
  const index = deps.log.findLeaf(statementId);
  const statement =
    index === undefined || index >= record.size
      ? undefined
      : decodeStatement(deps.log.readEntry(index));
  const isHere = statement !== undefined && isOfVillage(statement, id);
  const opening = isHere ? await openingOf(deps.log, statement) : undefined;
  if (access !== 'member' || opening === undefined)
    throw new LogError('not-found', 'the village has no sealed statement of this id');
  return {
    status: 200,
    headers: { 'content-type': OPENING, 'cache-control': 'private, no-store' },
    body: opening,
  };
}

function isOfVillage({ streamId }: Statement, village: string): boolean {
  if (streamId.family === 'audit') return streamId.name === village;
  return 'village' in streamId && streamId.village === village;
}
