// Submission: one entry, a batch, and waiting for the proof.

import { formatHex } from '@writ/core/bytes';
import { splitCborSequence } from '@writ/core/cbor/decode';
import { bug, isLogError, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { Verifiers } from '@writ/core/streams/verifiers';
import { type Admitted, type Authorities, admitStatement } from '../admission/statement.ts';
import type { Sequenced } from '../log/batch.ts';
import { MAX_BATCH_BODY, MAX_BATCH_ITEMS, splitByteStrings } from './batch.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { PROBLEM_TYPE, type Problem, problemOf } from './errors.ts';
import type { ProofWaits } from './proof-waits.ts';
import { type Call, jsonReply, queryNumber, type Reply, textReply } from './reply.ts';
import { BYTES, CBOR_SEQUENCE, COSE } from './route-parts.ts';

/** Longest wait that a submitter may ask for. */
export const MAX_WAIT_SECONDS = 60;

/** `POST /add`: resolves when the entry is durable, or published when the caller waits. */
export async function addEntry(
  deps: AppDeps,
  bodies: BodyReader,
  waits: ProofWaits,
  call: Call,
): Promise<Reply> {
  const wait = waitSeconds(call);
  if (deps.profile === 'statements') requireType(call, [COSE, BYTES]);
  const body = await bodies.read(call.c, MAX_ENTRY_SIZE);
  if (deps.profile === 'raw') {
    const { index } = await deps.log.add(body);
    return wait === undefined
      ? textReply(String(index))
      : waitReply(deps, waits, call, index, wait);
  }
  const admitted = await admitStatement(body, authoritiesOf(deps));
  const sequenced = await deps.log.add(admitted.entry, admitted.move);
  if (wait !== undefined) return waitReply(deps, waits, call, sequenced.index, wait);
  if (call.c.req.header('accept')?.startsWith('text/plain') === true)
    return textReply(String(sequenced.index));
  return jsonReply({ ...resultOf(admitted, sequenced), status: 'sequenced' });
}

/** Who may write as things stand. What changes until the statement is sequenced, the ledger judges then. */
function authoritiesOf({ authors, log, publisher }: AppDeps): Authorities {
  const logKey =
    publisher.keys.find(({ type }) => type === 0x01)?.publicKey ?? bug('a log has an Ed25519 key');
  return {
    authors: authors(),
    states: log.ledger?.states ?? new Map(),
    logKey,
    verifiers: log.ledger?.verifiers ?? new Verifiers(),
  };
}

function resultOf(admitted: Admitted, { index, isDuplicate }: Sequenced): object {
  return { index, id: formatHex(admitted.leafHash), duplicate: isDuplicate };
}

/** `POST /add-batch`: raw batches are refused whole or taken, statements each on its own. */
export async function addBatch(deps: AppDeps, bodies: BodyReader, call: Call): Promise<Reply> {
  requireType(call, [CBOR_SEQUENCE]);
  const body = await bodies.read(call.c, MAX_BATCH_BODY);
  if (deps.profile === 'statements') return addStatements(deps, call, body);
  const sequenced = await deps.log.addMany(splitByteStrings(body));
  let lines = '';
  for (const { index } of sequenced) lines += `${index}\n`;
  return textReply(lines);
}

async function addStatements(deps: AppDeps, call: Call, body: Uint8Array): Promise<Reply> {
  const items = splitCborSequence(body, { maxItems: MAX_BATCH_ITEMS, allowTag18: true });
  if (items.length === 0)
    throw new LogError('batch-malformed', 'the batch is empty', { offset: 0 });
  const authorities = authoritiesOf(deps);
  const admissions = await Promise.allSettled(
    items.map((item) => admitStatement(item, authorities)),
  );
  // All signatures are checked by now, so the statements of one stream enter the pool in their order.
  const results = admissions.map(async (admission) => {
    if (admission.status === 'rejected') throw admission.reason;
    const { entry, move } = admission.value;
    return resultOf(admission.value, await deps.log.add(entry, move));
  });
  const outcomes = await Promise.allSettled(results);
  return jsonReply({
    results: outcomes.map((outcome) =>
      outcome.status === 'fulfilled'
        ? outcome.value
        : { error: itemProblem(outcome.reason, call.requestId) },
    ),
  });
}

/** A fault of ours is no verdict on an item: it fails the request, and a retry finds what was stored. */
function itemProblem(error: unknown, requestId: string): Problem {
  if (!isLogError(error)) throw error;
  return problemOf(error, requestId);
}

function requireType(call: Call, types: readonly string[]): void {
  const header = call.c.req.header('content-type') ?? '';
  const type = header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (types.includes(type)) return;
  throw new LogError('media-type-unsupported', `content-type: expected ${types.join(' or ')}`, {
    field: 'content-type',
    got: type.slice(0, 100),
  });
}

/** From `?wait=`, or from `Prefer: wait=` (RFC 7240 §4.3), of which what we do not understand is ignored. */
function waitSeconds({ c, query }: Call): number | undefined {
  if (query.has('wait')) return queryNumber(query, 'wait', 1, { min: 1, max: MAX_WAIT_SECONDS });
  const preferred = /(?:^|[,;\s])wait=([0-9]{1,6})(?:$|[,;\s])/.exec(c.req.header('prefer') ?? '');
  const seconds = Number(preferred?.[1] ?? 0);
  return seconds === 0 ? undefined : Math.min(seconds, MAX_WAIT_SECONDS);
}

/** The proof file once a checkpoint with quorum covers the entry; 202 when that takes longer. */
async function waitReply(
  deps: AppDeps,
  waits: ProofWaits,
  call: Call,
  index: number,
  seconds: number,
): Promise<Reply> {
  const record = await waits.published(call.c, index + 1, seconds * 1000);
  if (record === undefined) return notYetPublished(call, index);
  const hashes = deps.log.proveInclusion(index, record.size);
  return textReply(formatTlogProof({ index: BigInt(index), hashes, checkpoint: record.note }), {
    'preference-applied': `wait=${seconds}`,
    'cache-control': 'no-store',
  });
}

function notYetPublished({ requestId }: Call, index: number): Reply {
  const error = new LogError(
    'not-published',
    `the entry is durable at index ${index} and nothing is lost, but no witnessed checkpoint covers it ` +
      `yet: fetch /entries/${index}/proof later`,
    { index },
  );
  const problem = { ...problemOf(error, requestId), status: 202 };
  return {
    status: 202,
    headers: { 'content-type': PROBLEM_TYPE, 'retry-after': '1', 'cache-control': 'no-store' },
    body: JSON.stringify(problem),
  };
}
