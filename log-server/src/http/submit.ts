// Submission: one entry, a batch, and waiting for the proof.

import { formatHex } from '@writ/core/bytes';
import { bug, isLogError, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { MAX_OPENING_SIZE } from '@writ/core/statements/sealed';
import { Verifiers } from '@writ/core/streams/verifiers';
import { type Admitted, type Authorities, admitStatement } from '../admission/statement.ts';
import type { Sequenced } from '../log/batch.ts';
import { MAX_BATCH_BODY, splitByteStrings } from './batch.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { PROBLEM_TYPE, type Problem, problemOf } from './errors.ts';
import type { ProofWaits } from './proof-waits.ts';
import { type Call, jsonReply, queryNumber, type Reply, textReply } from './reply.ts';
import { BYTES, CBOR_SEQUENCE, COSE } from './route-parts.ts';
import { splitSubmitted } from './submitted.ts';

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
  if (deps.profile === 'raw') {
    const { index } = await deps.log.add(await bodies.read(call.c, MAX_ENTRY_SIZE));
    return wait === undefined
      ? textReply(String(index))
      : waitReply(deps, waits, call, index, wait);
  }
  const admitted = await admitBody(deps, bodies, call);
  const sequenced = await sequence(deps, admitted);
  if (wait !== undefined) return waitReply(deps, waits, call, sequenced.index, wait);
  if (call.c.req.header('accept')?.startsWith('text/plain') === true)
    return textReply(String(sequenced.index));
  return jsonReply(answerOf(admitted, sequenced));
}

/** A statement by itself, or a sequence of one and its opening. */
async function admitBody(deps: AppDeps, bodies: BodyReader, call: Call): Promise<Admitted> {
  const type = requireType(call, [COSE, BYTES, CBOR_SEQUENCE]);
  if (type !== CBOR_SEQUENCE) return admit(deps, await bodies.read(call.c, MAX_ENTRY_SIZE));
  const body = await bodies.read(call.c, MAX_ENTRY_SIZE + MAX_OPENING_SIZE);
  const [submitted = bug('a sequence without items')] = splitSubmitted(body, 1);
  return admitStatement(submitted.bytes, authoritiesOf(deps), submitted.opening);
}

/** Has the log decide, and tells the keeper of the opening. LogError as `Log.add`. */
export async function sequence(
  { log }: Pick<AppDeps, 'log'>,
  admitted: Admitted,
): Promise<Sequenced> {
  const { entry, move, release } = admitted;
  if (release === undefined) return log.add(entry, move);
  try {
    const sequenced = await log.add(entry, move);
    await release(true);
    return sequenced;
  } catch (error) {
    // A log that stopped does not know what became of its last commit.
    await release(!isLogError(error) || error.code === 'log-stopped');
    throw error;
  }
}

/** Admits a statement as things stand. LogError as `admitStatement`. */
export function admit(deps: AdmissionDeps, body: Uint8Array): Promise<Admitted> {
  return admitStatement(body, authoritiesOf(deps));
}

/** The answer to a statement that is durable. */
export function answerOf(admitted: Admitted, sequenced: Sequenced): object {
  return { ...resultOf(admitted, sequenced), status: 'sequenced' };
}

export type AdmissionDeps = Pick<AppDeps, 'authors' | 'log' | 'publisher'>;

/** Who may write as things stand. What changes until the statement is sequenced, the ledger judges then. */
export function authoritiesOf({ authors, log, publisher }: AdmissionDeps): Authorities {
  const logKey =
    publisher.keys.find(({ type }) => type === 0x01)?.publicKey ?? bug('a log has an Ed25519 key');
  return {
    authors: authors(),
    states: log.ledger?.states ?? new Map(),
    logKey,
    verifiers: log.ledger?.verifiers ?? new Verifiers(),
    requests: log.ledger?.requests,
    openings: log.ledger?.openings,
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
  return textReply(linesOf(await deps.log.addMany(splitByteStrings(body))));
}

/** The answer to a raw batch: the index of each entry in a line. */
export function linesOf(sequenced: readonly Sequenced[]): string {
  let lines = '';
  for (const { index } of sequenced) lines += `${index}\n`;
  return lines;
}

async function addStatements(deps: AppDeps, call: Call, body: Uint8Array): Promise<Reply> {
  const items = splitSubmitted(body);
  const authorities = authoritiesOf(deps);
  const admissions = await Promise.allSettled(
    items.map(({ bytes, opening }) => admitStatement(bytes, authorities, opening)),
  );
  // All signatures are checked by now, so the statements of one stream enter the pool in their order.
  const results = admissions.map(async (admission) => {
    if (admission.status === 'rejected') throw admission.reason;
    return resultOf(admission.value, await sequence(deps, admission.value));
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

/** The media type of the body, one of `types`. LogError media-type-unsupported. */
export function requireType(call: Call, types: readonly string[]): string {
  const header = call.c.req.header('content-type') ?? '';
  const type = header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (types.includes(type)) return type;
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
