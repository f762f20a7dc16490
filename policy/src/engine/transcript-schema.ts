// Reads what a node answers, and what it is asked (spec/policy-api.md section 7). Both sides read with this file: a log
// does not believe a node, nor a node a log.

import { LogError } from '@writ/core/errors';
import { type JsonValue, parseCanonicalJson } from '@writ/core/statements/jcs';
import * as z from 'zod';
import { STAGES } from './finding.ts';
import { uuid } from './schema-parts.ts';
import { isWorse } from './severity.ts';
import { SEVERITY_RULES } from './severity-rules.ts';
import { parseTargetId } from './target-types.ts';
import {
  FAILURE_CODES,
  FAILURE_FORMAT,
  INVENTORY_FORMAT,
  type InventoryAnswer,
  MAX_ANSWER_ITEMS,
  MAX_NODE_ANSWER_BYTES,
  MAX_RESULTS,
  MAX_TRANSCRIPT_FINDINGS,
  type NodeAnswer,
  type NodeFailure,
  type NodeRequest,
  TRANSCRIPT_FORMAT,
  type Transcript,
  type TranscriptResult,
  transcriptSeverity,
} from './transcript.ts';

const UNSTRUCTURED = 4096;
const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const label = z.string().max(256);
const words = z.string().max(UNSTRUCTURED);
const timeMs = z.int().min(0).max(253_402_300_799_999);
const count = z.int().min(0).max(1_000_000_000);
const severity = z.enum(['info', 'warn', 'error']);
const target = z
  .string()
  .refine((id) => parseTargetId(id) !== undefined, 'is no canonical target id');
const identifier = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
const origin = { village: name, node: name, host: uuid };

const preconditionSchema = z.strictObject({
  check: label,
  ok: z.boolean(),
  details: words.nullable(),
});

const resultSchema: z.ZodType<TranscriptResult> = z.strictObject({
  action: z.int().min(0).max(31),
  target_id: target,
  capability: identifier,
  verb: identifier,
  driver: digest,
  ok: z.boolean(),
  severity,
  rule: z.enum(SEVERITY_RULES.map(({ id }) => id)).nullable(),
  idempotency_key: label,
  preconditions: z.array(preconditionSchema).max(64),
  plan: z.strictObject({
    kind: z.enum(['cli', 'api', 'ssh', 'http', 'none']),
    preview: z.array(z.custom<JsonValue>()).max(256),
  }),
  effects: z.strictObject({
    summary: words,
    per_target: z
      .array(z.strictObject({ id: target, from: label.nullable(), to: label.nullable() }))
      .max(1024),
  }),
  reason: words.nullable(),
});

const findingSchema = z.strictObject({
  code: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  severity,
  stage: z.enum(STAGES),
  path: z.string().max(1024),
  message: words,
});

const inventoryFacts = { ts: timeMs.nullable(), stale: z.boolean(), reason: words.nullable() };

const transcriptSchema: z.ZodType<Transcript> = z.strictObject({
  format: z.literal(TRANSCRIPT_FORMAT),
  ...origin,
  policy: uuid,
  version: z.int().min(1).nullable(),
  semantic_digest: digest,
  ir_digest: digest,
  driver: digest.nullable(),
  severity,
  structural: z.boolean(),
  started_ms: timeMs,
  ended_ms: timeMs,
  used_inventory: z.strictObject({
    refreshed: z.boolean(),
    ...inventoryFacts,
    override: z.strictObject({ by: label, reason: words, until_ms: timeMs }).nullable(),
  }),
  findings: z.array(findingSchema).max(MAX_TRANSCRIPT_FINDINGS),
  results: z.array(resultSchema).max(MAX_RESULTS),
  results_cut: count,
});

const inventorySchema: z.ZodType<InventoryAnswer> = z.strictObject({
  format: z.literal(INVENTORY_FORMAT),
  ...origin,
  ...inventoryFacts,
  refreshed: z.boolean(),
  items: z
    .array(
      z.strictObject({
        id: target,
        type: identifier,
        name: label,
        label,
        labels: z.record(z.string().max(64), label),
        state: label.nullable(),
      }),
    )
    .max(MAX_ANSWER_ITEMS),
  items_cut: count,
});

const failureSchema: z.ZodType<NodeFailure> = z.strictObject({
  format: z.literal(FAILURE_FORMAT),
  ...origin,
  code: z.enum(FAILURE_CODES),
  reason: words,
});

const requestSchema: z.ZodType<NodeRequest> = z.discriminatedUnion('kind', [
  z.strictObject({
    id: z.string().regex(/^[0-9a-f]{32}$/),
    kind: z.literal('dry-run'),
    host: uuid,
    policy: uuid,
    version: z.int().min(1).nullable(),
    draft: z.string().max(100_000).nullable(),
    opening: z.string().max(100_000).nullable(),
    deadline_ms: timeMs,
  }),
  z.strictObject({
    id: z.string().regex(/^[0-9a-f]{32}$/),
    kind: z.literal('inventory'),
    host: uuid,
    deadline_ms: timeMs,
  }),
]);

/**
 * Reads the answer of a node: canonical JSON of one of the three formats, which does not contradict itself. LogError
 * response-malformed that names the member.
 */
export function readNodeAnswer(bytes: Uint8Array): NodeAnswer {
  if (bytes.length > MAX_NODE_ANSWER_BYTES)
    throw malformed(`it has more than ${MAX_NODE_ANSWER_BYTES} bytes`);
  const value = parse(bytes);
  const format = new Map(Object.entries(value ?? {})).get('format');
  if (format === FAILURE_FORMAT) return check(failureSchema, value);
  if (format === INVENTORY_FORMAT) return checkItems(check(inventorySchema, value));
  if (format === TRANSCRIPT_FORMAT) return checkTranscript(check(transcriptSchema, value));
  throw malformed('format is none that is known');
}

/** Reads what a log asks, as JSON.parse returned it. LogError response-malformed. */
export function readNodeRequest(value: unknown): NodeRequest {
  const request = check(requestSchema, value);
  if (request.kind === 'inventory') return request;
  const isOfDraft = request.draft !== null;
  if (isOfDraft === (request.version !== null))
    throw malformed('a dry run is of a version or of a draft');
  if (request.opening !== null && !isOfDraft) throw malformed('opening has no draft');
  return request;
}

const STRUCTURAL: ReadonlySet<string | null> = new Set(
  SEVERITY_RULES.filter(({ isStructural }) => isStructural).map(({ id }) => id),
);

// A transcript that says all is well above results that say otherwise would open a gate.
function checkTranscript(transcript: Transcript): Transcript {
  const { results, results_cut, ended_ms, started_ms, structural, driver } = transcript;
  const listed = transcriptSeverity(transcript);
  const isLower = isWorse(listed, transcript.severity);
  if (isLower || (results_cut === 0 && listed !== transcript.severity))
    throw malformed('severity is not the worst of results and findings');
  const isBroken = results.some(({ rule }) => STRUCTURAL.has(rule));
  if (isBroken && !structural) throw malformed('structural is false although a result is');
  if (structural && transcript.severity !== 'error')
    throw malformed('structural is true, and severity is not error');
  if (ended_ms < started_ms) throw malformed('ended_ms is before started_ms');
  const seen = new Set<string>();
  for (const [i, result] of results.entries()) {
    if (result.driver !== driver) throw malformed(`results.${i}.driver is not the pinned one`);
    const key = `${result.action} ${result.target_id}`;
    if (seen.has(key)) throw malformed(`results.${i} is there twice`);
    seen.add(key);
  }
  return transcript;
}

function checkItems(answer: InventoryAnswer): InventoryAnswer {
  const seen = new Set<string>();
  for (const [i, { id, type, labels }] of answer.items.entries()) {
    if (parseTargetId(id)?.type !== type) throw malformed(`items.${i}.type is not that of its id`);
    if (Object.keys(labels).length > 64) throw malformed(`items.${i}.labels has too many members`);
    if (seen.has(id)) throw malformed(`items.${i}.id is there twice`);
    seen.add(id);
  }
  if (answer.ts === null && answer.items.length > 0) throw malformed('ts is null beside targets');
  return answer;
}

function parse(bytes: Uint8Array): JsonValue {
  try {
    return parseCanonicalJson(bytes);
  } catch (error) {
    throw malformed('it is not canonical JSON', error);
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  throw malformed(`${path === '' ? 'the whole' : path}: ${issue?.message ?? ''}`);
}

function malformed(message: string, cause?: unknown): LogError {
  return new LogError('response-malformed', `node: ${message.slice(0, 300)}`, {}, cause);
}
