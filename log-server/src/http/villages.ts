// Villages: what is in force, what happened, who belongs to it. Every answer is that of the published tree and
// carries the stream proof that it follows from; readers who want certainty replay the stream.

import { formatBase64, formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { openPayload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import type { PolicyVersion } from '@writ/core/streams/village-state';
import { type ProvenPage, provePage, proveStream, requireLedger } from '../streams/prove.ts';
import type { TaggedAnswer } from '../streams/tree-answers.ts';
import { cacheControl, readKind } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { openingsOf, payloadOf } from './openings.ts';
import { matches } from './read.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import { JSON_TYPE } from './route-parts.ts';
import { limitOf } from './streams.ts';
import { cursorOf, nextLink, readPage } from './village-pages.ts';
import { facts, type Village, villageOf } from './village-view.ts';

/** `GET /villages/{village}/policy/latest`. */
export async function readLatest(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const etag = `"${formatHex(village.state.head.id)}"`;
  // Weak: the policies are the same for as long as the head is, size and proof change with each checkpoint.
  const headers = { ...cacheControl(village.access), etag: `W/${etag}` };
  if (matches(call.c.req.header('if-none-match'), etag))
    return { status: 304, headers, body: null };
  const { answers } = requireLedger(deps.log);
  const make = async (): Promise<TaggedAnswer> => ({ etag, body: await latestOf(deps, village) });
  const { body } = await answers.of(village.record, latestName(village.id), make);
  return { status: 200, headers: { ...headers, 'content-type': JSON_TYPE }, body };
}

function latestName(village: string): string {
  return `latest ${village}`;
}

async function latestOf(deps: AppDeps, village: Village): Promise<Uint8Array> {
  const policies = [...village.state.policies].map(([id, version]) => policyFacts(id, version));
  return utf8(
    JSON.stringify({ ...facts(village), policies, proof: await headProof(deps, village) }),
  );
}

/**
 * What `readLatest` answers to everybody, where it is at hand, for one of the requests of the village; undefined for all
 * else, which `readLatest` has to decide. LogError rate-limited.
 */
export function latestAtHand(
  { log, publisher }: Pick<AppDeps, 'log' | 'publisher'>,
  village: string,
): TaggedAnswer | undefined {
  const { ledger } = log;
  const record = publisher.published;
  const state = ledger?.states.get(`village/${village}`);
  const isPublic = state?.family === 'village' && state.law.visibility === 'public';
  if (ledger === undefined || record === undefined || !isPublic) return undefined;
  const answer = ledger.answers.known(record, latestName(village));
  if (answer !== undefined) ledger.requests.take(ledger.states, readKind('public'), village);
  return answer;
}

function policyFacts(
  policy: string,
  { version, digest, source, seq, index }: PolicyVersion,
): object {
  return {
    policy,
    version,
    enabled: digest !== null,
    specDigest: hexOrNull(digest),
    statementId: hexOrNull(source),
    activatedAt: { seq, index },
  };
}

/** `GET /villages/{village}/policy/updates`. An unknown cursor is an error, never an empty page. */
export async function readUpdates(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const { stream, state } = village;
  const published = { stream, count: state.head.seq + 1 };
  const from = cursorOf(deps, published, call.query.get('since'));
  const limit = limitOf(call.query);
  const { page, openings } = await pageFor(deps, village, { from, limit });
  const statements = page.entries.map((bytes, i) => {
    const statement = decodeStatement(bytes);
    const opening = openings[i];
    return {
      seq: from + i,
      kind: openPayload(statement, opening).kind,
      statementId: formatHex(statement.id),
      leafIndex: page.positions[i],
      bytes: formatBase64(bytes),
      ...(opening === undefined ? {} : { opening: formatBase64(opening) }),
    };
  });
  const next = page.hasMore ? from + statements.length - 1 : null;
  const proof = formatBase64(page.proof);
  return jsonReply({ ...facts(village), statements, next, proof }, cacheControl(village.access));
}

/** The page and, for a member of a private village, the openings of all that is on it. */
async function pageFor(
  { log }: AppDeps,
  { record, stream, access }: Village,
  wanted: { readonly from: number; readonly limit: number },
): Promise<{ readonly page: ProvenPage; readonly openings: readonly Uint8Array[] }> {
  const page = await provePage(log, record, stream, wanted);
  if (access !== 'member') return { page, openings: [] };
  const openings = await openingsOf(log, page.entries);
  if (openings.length === page.entries.length) return { page, openings };
  const limit = openings.length;
  return { page: await provePage(log, record, stream, { ...wanted, limit }), openings };
}

/** `GET /villages/{village}/policies/{digest}`: a spec that is or was in force. */
export async function readPolicy(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const digest = call.c.req.param('digest') ?? '';
  if (parseHex(digest)?.length !== 32)
    throw invalidRequest('digest', 'expected 64 lower-case hex digits');
  for (const [policy, newest] of village.state.policies) {
    for (let version: PolicyVersion | null = newest; version !== null; version = version.previous) {
      if (version.source === null || hexOrNull(version.digest) !== digest) continue;
      const statement = statementOf(deps, version.source);
      const payload = await payloadOf(deps.log, statement);
      if (payload.kind !== 'policy-change') bug('a policy comes from a policy-change');
      const spec = formatBase64(payload.spec);
      const proof = await headProof(deps, village);
      return jsonReply(
        { ...facts(village), ...policyFacts(policy, version), spec, proof },
        cacheControl(village.access),
      );
    }
  }
  throw new LogError('not-found', 'no policy of the village ever had this digest');
}

/** `GET /villages/{village}/members`. */
export async function readMembers(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const { law, keys, constitution } = village.state;
  const members = law.members.map(({ name, roles, weight }) => ({
    name,
    roles,
    weight,
    keys: [...keys]
      .filter(([, record]) => record.member === name)
      .map(([id, record]) => ({
        id,
        key: formatHex(record.key),
        sinceSeq: record.sinceSeq,
        untilSeq: record.untilSeq,
      })),
  }));
  return jsonReply(
    { ...facts(village), constitution, members, proof: await headProof(deps, village) },
    cacheControl(village.access),
  );
}

/** `GET /villages/{village}/quarantine`. */
export async function readQuarantine(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const stream = `inbox/${village.id}`;
  const inbox = requireLedger(deps.log).stateAt(stream, village.record.size);
  const open = inbox?.family === 'inbox' ? [...inbox.proposals] : [];
  const proposals = open.map(
    ([statementId, { author, policy, version, digest, expiresAtSeconds }]) => {
      const decision = village.state.decisions.get(statementId);
      return {
        statementId,
        author,
        policy,
        version,
        specDigest: formatHex(digest),
        expiresAtSeconds,
        decision: decision?.end ?? 'open',
        approvals: decision?.approvals.map(({ member }) => member) ?? [],
      };
    },
  );
  const proof = formatBase64(
    await proveStream(deps.log, village.record, stream, { from: 'head', limit: 1 }),
  );
  return jsonReply({ ...facts(village), proposals, proof }, cacheControl(village.access));
}

/** `GET /villages/{village}/denials`: a page of them, which `next` continues. */
export async function readDenials(deps: AppDeps, call: Call): Promise<Reply> {
  const village = await villageOf(deps, call);
  const stream = `audit/${village.id}`;
  const audit = requireLedger(deps.log).stateAt(stream, village.record.size);
  const published = { stream, count: audit === undefined ? 0 : audit.head.seq + 1 };
  const { rows: denials, next } = await readPage(deps, published, call, (refusal, leafIndex) =>
    denialRow(deps, refusal, leafIndex),
  );
  const proof = formatBase64(
    await proveStream(deps.log, village.record, stream, { from: 'head', limit: 1 }),
  );
  const headers = { ...cacheControl(village.access), ...nextLink(call, next) };
  return jsonReply({ ...facts(village), denials, next, proof }, headers);
}

async function denialRow(
  { log }: AppDeps,
  refusal: Statement,
  leafIndex: number,
): Promise<object | undefined> {
  const payload = await payloadOf(log, refusal);
  if (payload.kind !== 'denial') return undefined;
  const { stream, statement, code, rule } = payload;
  return { seq: refusal.seq, leafIndex, stream, statementId: formatHex(statement), code, rule };
}

async function headProof({ log }: AppDeps, { record, stream }: Village): Promise<string> {
  return formatBase64(await proveStream(log, record, stream, { from: 'head', limit: 1 }));
}

function statementOf({ log }: AppDeps, id: Uint8Array): Statement {
  const index = log.findLeaf(id) ?? bug('a source is in the log');
  return decodeStatement(log.readEntry(index));
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : formatHex(bytes);
}
