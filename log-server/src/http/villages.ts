// Villages: what is in force, what happened, who belongs to it. Every answer is that of the published tree and
// carries the stream proof that it follows from; readers who want certainty replay the stream.

import { formatBase64, formatHex, parseHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { decodePayload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import { parseStreamId } from '@writ/core/statements/stream-id';
import type { PolicyVersion, VillageState } from '@writ/core/streams/village-state';
import type { CheckpointRecord } from '../storage/port.ts';
import { provePage, proveStream, requireLedger } from '../streams/prove.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { matches, requirePublished } from './read.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import { limitOf } from './streams.ts';
import { cursorOf, nextLink, readPage } from './village-pages.ts';

/** A village in the published tree. */
interface Village {
  readonly id: string;
  readonly stream: string;
  readonly state: VillageState;
  readonly record: CheckpointRecord;
}

const NO_CACHE = { 'cache-control': 'no-cache' } as const;

/** `GET /villages/{village}/policy/latest`. */
export async function readLatest(deps: AppDeps, call: Call): Promise<Reply> {
  const village = villageOf(deps, call);
  const { state } = village;
  const head = `"${formatHex(state.head.id)}"`;
  // Weak: the policies are the same for as long as the head is, size and proof change with each checkpoint.
  const headers = { ...NO_CACHE, etag: `W/${head}` };
  if (matches(call.c.req.header('if-none-match'), head))
    return { status: 304, headers, body: null };
  const policies = [...state.policies].map(([policy, version]) => policyFacts(policy, version));
  return jsonReply({ ...facts(village), policies, proof: await headProof(deps, village) }, headers);
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
  const village = villageOf(deps, call);
  const { stream, record, state } = village;
  const published = { stream, count: state.head.seq + 1 };
  const from = cursorOf(deps, published, call.query.get('since'));
  const limit = limitOf(call.query);
  const page = await provePage(deps.log, record, stream, { from, limit });
  const statements = page.entries.map((bytes, i) => {
    const { kind, id } = decodeStatement(bytes);
    return {
      seq: from + i,
      kind,
      statementId: formatHex(id),
      leafIndex: page.positions[i],
      bytes: formatBase64(bytes),
    };
  });
  const next = page.hasMore ? from + statements.length - 1 : null;
  const proof = formatBase64(page.proof);
  return jsonReply({ ...facts(village), statements, next, proof }, NO_CACHE);
}

/** `GET /villages/{village}/policies/{digest}`: a spec that is or was in force. */
export async function readPolicy(deps: AppDeps, call: Call): Promise<Reply> {
  const village = villageOf(deps, call);
  const digest = call.c.req.param('digest') ?? '';
  if (parseHex(digest)?.length !== 32)
    throw invalidRequest('digest', 'expected 64 lower-case hex digits');
  for (const [policy, newest] of village.state.policies) {
    for (let version: PolicyVersion | null = newest; version !== null; version = version.previous) {
      if (version.source === null || hexOrNull(version.digest) !== digest) continue;
      const statement = statementOf(deps, version.source);
      const payload = decodePayload(statement);
      if (payload.kind !== 'policy-change') bug('a policy comes from a policy-change');
      const spec = formatBase64(payload.spec);
      const proof = await headProof(deps, village);
      return jsonReply(
        { ...facts(village), ...policyFacts(policy, version), spec, proof },
        NO_CACHE,
      );
    }
  }
  throw new LogError('not-found', 'no policy of the village ever had this digest');
}

/** `GET /villages/{village}/members`. */
export async function readMembers(deps: AppDeps, call: Call): Promise<Reply> {
  const village = villageOf(deps, call);
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
    NO_CACHE,
  );
}

/** `GET /villages/{village}/quarantine`. */
export async function readQuarantine(deps: AppDeps, call: Call): Promise<Reply> {
  const village = villageOf(deps, call);
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
  return jsonReply({ ...facts(village), proposals, proof }, NO_CACHE);
}

/** `GET /villages/{village}/denials`: a page of them, which `next` continues. */
export async function readDenials(deps: AppDeps, call: Call): Promise<Reply> {
  const village = villageOf(deps, call);
  const stream = `audit/${village.id}`;
  const audit = requireLedger(deps.log).stateAt(stream, village.record.size);
  const published = { stream, count: audit === undefined ? 0 : audit.head.seq + 1 };
  const { rows: denials, next } = await readPage(deps, published, call, denialRow);
  const proof = formatBase64(
    await proveStream(deps.log, village.record, stream, { from: 'head', limit: 1 }),
  );
  const headers = { ...NO_CACHE, ...nextLink(call, next) };
  return jsonReply({ ...facts(village), denials, next, proof }, headers);
}

function denialRow(refusal: Statement, leafIndex: number): object | undefined {
  const payload = decodePayload(refusal);
  if (payload.kind !== 'denial') return undefined;
  const { stream, statement, code, rule } = payload;
  return { seq: refusal.seq, leafIndex, stream, statementId: formatHex(statement), code, rule };
}

/** The village of a path, in the published tree. LogError request-invalid before anything is looked up. */
export function villageOf({ log, publisher }: AppDeps, { c }: Call): Village {
  const id = c.req.param('village') ?? '';
  const stream = `village/${id}`;
  if (parseStreamId(stream) === undefined) throw invalidRequest('village', 'not a village id');
  const record = requirePublished(publisher.published);
  const state = requireLedger(log).stateAt(stream, record.size);
  if (state?.family === 'village') return { id, stream, state, record };
  throw new LogError('not-found', `there is no village ${id}: GET /streams/${stream} proves it`);
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
