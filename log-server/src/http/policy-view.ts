// A row of a policy with what it compiles to as things stand: driver packages are no statements, so what rests on them is
// made when asked and never stored (spec/policy-api.md section 2).

import { parseHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { type Compiled, type CompileOptions, compile } from '@writ/policy/engine/compile';
import type { CompileHost } from '@writ/policy/engine/compile-capability';
import type { Finding } from '@writ/policy/engine/finding';
import type { TranscriptFacts } from '@writ/policy/engine/gates';
import { type NodeAnswer, type Transcript, transcriptFacts } from '@writ/policy/engine/transcript';
import { readNodeAnswer } from '@writ/policy/engine/transcript-schema';
import { rowOf } from '../projections/draft.ts';
import type { HostRow } from '../projections/host-rows.ts';
import { hostKey, hostsOf, policyKey, versionKey } from '../projections/keys.ts';
import {
  dryRunsFor,
  type PolicyRow,
  type PolicyStatus,
  type VersionRow,
} from '../projections/policy-rows.ts';
import { under } from '../projections/rows.ts';
import { type DryRunRow, dryRunOf } from '../projections/status.ts';
import type { PolicyServices } from './policy-services.ts';

/** The row of the version in force; undefined where the village has no such policy. */
export async function findPolicy(
  { projection }: PolicyServices,
  village: string,
  policy: string,
): Promise<PolicyRow | undefined> {
  return rowOf<PolicyRow>(await projection.rows.get(policyKey(village, policy)));
}

/** The row of a version that is or was in force. */
export async function findVersion(
  { projection }: PolicyServices,
  village: string,
  policy: string,
  version: number,
): Promise<VersionRow | undefined> {
  return rowOf<VersionRow>(await projection.rows.get(versionKey(village, policy, version)));
}

/** The node that serves a host, as it listed it. */
export async function findHost(
  { projection }: PolicyServices,
  village: string,
  host: string,
): Promise<HostRow | undefined> {
  return rowOf<HostRow>(await projection.rows.get(hostKey(village, host)));
}

/** What `document` is compiled with: the packages, the host and its inventory as they are known now. */
export async function surroundingsOf(
  services: PolicyServices,
  village: string,
  document: unknown,
): Promise<Omit<CompileOptions, 'policyId' | 'version'>> {
  const targets = membersOf(membersOf(document).get('targets'));
  const [hostId, driver] = [targets.get('host_id'), targets.get('driver')];
  const { rows } = services.projection;
  const hasHosts = (await rows.range({ ...under(hostsOf(village)), limit: 1 })).length > 0;
  const host =
    typeof hostId === 'string' && IS_UUID.test(hostId)
      ? await findHost(services, village, hostId)
      : undefined;
  const pinned = typeof driver === 'string' ? PINNED.exec(driver)?.[1] : undefined;
  const digests = [pinned, host?.driver].filter((digest) => typeof digest === 'string');
  const known =
    host === undefined ? undefined : services.inventories.find(village, host.id, host.node);
  return {
    manifests: await services.manifests.read(new Set(digests)),
    hosts: hasHosts ? hostMap(host) : undefined,
    inventory: known?.index,
  };
}

/** Compiles a document of a village. */
export async function compileFor(
  services: PolicyServices,
  village: string,
  document: unknown,
  { policyId, version }: Pick<CompileOptions, 'policyId' | 'version'>,
): Promise<Compiled> {
  const surroundings = await surroundingsOf(services, village, document);
  return compile(document, { policyId, version, ...surroundings });
}

/** The members of a row that are made when asked. */
export async function compiledFacts(
  services: PolicyServices,
  row: VersionRow,
): Promise<Readonly<Record<string, unknown>> & { readonly status: PolicyStatus }> {
  if (row.spec === null)
    return {
      status: row.status,
      compiled_ir: null,
      ir_digest: null,
      severity: 'info',
      ...NO_CHECK,
    };
  const compiled = await compileFor(services, row.village, row.spec, {
    policyId: row.id,
    version: row.version_int,
  });
  return {
    status: await shownStatus(services, row, compiled),
    compiled_ir: compiled.ok ? compiled.ir : null,
    ir_digest: compiled.ok ? compiled.digests.ir : null,
    severity: compiled.severity,
    last_validation: validationOf(compiled.findings),
  };
}

const NO_CHECK = { last_validation: { schema: [], compile: [] } };

/** Findings of the schema, and those of all later stages. */
export function validationOf(findings: readonly Finding[]): {
  readonly schema: readonly Finding[];
  readonly compile: readonly Finding[];
} {
  const schema = findings.filter(({ stage }) => stage === 'schema');
  return { schema, compile: findings.filter((finding) => !schema.includes(finding)) };
}

/** The status of a row, worse where it does not compile, or where its dry run turns out to be of something else. */
export async function shownStatus(
  services: PolicyServices,
  row: Pick<PolicyRow, 'status' | 'transcript_id' | 'hash'>,
  compiled: Pick<Compiled, 'ok' | 'severity'>,
): Promise<PolicyStatus> {
  if (row.status !== 'enabled') return !compiled.ok && row.hash !== null ? 'invalid' : row.status;
  if (!compiled.ok) return 'invalid';
  if (compiled.severity === 'error') return 'disabled';
  const transcript = await readTranscript(services, row.transcript_id ?? '');
  const isForeign =
    transcript !== undefined &&
    (transcript.semantic_digest !== row.hash || transcript.severity === 'error');
  return isForeign ? 'disabled' : 'enabled';
}

/** A transcript by its id; undefined where it is not kept here. */
export async function readTranscript(
  { transcripts }: PolicyServices,
  id: string,
): Promise<Transcript | undefined> {
  const digest = parseHex(id);
  const bytes = digest?.length === 32 ? await transcripts.read(digest) : undefined;
  if (bytes === undefined) return undefined;
  const answer = readKept(bytes);
  return answer?.format === 'writ-transcript/v1' ? answer : undefined;
}

// One that an earlier program kept, and this one cannot read, says nothing.
function readKept(bytes: Uint8Array): NodeAnswer | undefined {
  try {
    return readNodeAnswer(bytes);
  } catch (error) {
    if (!isLogError(error, 'response-malformed')) throw error;
    return undefined;
  }
}

/** The dry run on record that decides about enabling `wanted` next, as the gates see it; null: there is none. */
export async function dryRunFacts(
  services: PolicyServices,
  wanted: Pick<VersionRow, 'village' | 'id' | 'host_id'> & {
    readonly hash: string;
    readonly driver: string | null;
  },
): Promise<TranscriptFacts | null> {
  const runs = await dryRunsFor(services.projection.rows, wanted);
  const current = await findPolicy(services, wanted.village, wanted.id);
  const about = { hash: wanted.hash, previousIndex: current?.leaf_index ?? -1 };
  const run = dryRunOf(about, runs);
  const [newest] = runs;
  if (newest === undefined) return null;
  // None is of this content; the newest is named all the same, as what was tried instead.
  if (run === undefined) return { ...recordFacts(newest, ''), semanticDigest: '' };
  const transcript = await readTranscript(services, run.transcript);
  if (transcript !== undefined) return transcriptFacts(run.transcript, transcript, run.time * 1000);
  return recordFacts(run, wanted.driver ?? '');
}

// Without the transcript, the record says which version it was and how it ended. Of a draft it says too little.
function recordFacts(run: DryRunRow, driver: string): TranscriptFacts {
  return {
    id: run.transcript,
    semanticDigest: run.hash ?? '',
    driver,
    severity: run.severity,
    isStructural: false,
    timeMs: run.time * 1000,
  };
}

const PINNED = /^sha256:([0-9a-f]{64})$/;
const IS_UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function hostMap(host: HostRow | undefined): ReadonlyMap<string, CompileHost> {
  return new Map(
    host === undefined ? [] : [[host.id, { driver: host.driver, targetTypes: host.types }]],
  );
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}
