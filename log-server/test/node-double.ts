// A node for tests: polls the log over HTTP, answers as it is told, and records its dry runs as a real one does.

import { formatHex, parseHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import { semanticDigest } from '@writ/policy/engine/digests';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import {
  formatNodeAnswer,
  type InventoryAnswer,
  type NodeAnswer,
  type NodeRequest,
  nodeAnswerId,
  type Transcript,
  transcriptSeverity,
} from '@writ/policy/engine/transcript';
import { readNodeRequest } from '@writ/policy/engine/transcript-schema';
import { DRIVER, HOST, NODE } from './policy-world.ts';

/** Sends a request that the node signs. */
export type Send = (path: string, init?: RequestInit) => Promise<Response>;

export interface NodeDouble {
  /** Status of each answer that it put. */
  readonly puts: number[];
  readonly requests: NodeRequest[];
  stop(): Promise<void>;
}

/** Polls until it is stopped; `answer` undefined: it stays silent. */
export function runNode(
  send: Send,
  answer: (request: NodeRequest) => Promise<NodeAnswer | undefined>,
  node = NODE,
): NodeDouble {
  const puts: number[] = [];
  const requests: NodeRequest[] = [];
  let isStopped = false;
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      const response = await send(`/api/nodes/north/${node}/requests?wait=1`);
      if (response.status === 204) continue;
      if (response.status !== 200) throw new Error(`poll: ${await response.text()}`);
      const request = readNodeRequest(JSON.parse(await response.text()));
      requests.push(request);
      const made = await answer(request);
      if (made !== undefined) puts.push((await putAnswer(send, request, made, node)).status);
    }
  };
  const running = loop();
  const stop = async (): Promise<void> => {
    isStopped = true;
    // A newer poll ends the one that is open.
    await send(`/api/nodes/north/${node}/requests?wait=0`);
    await running;
  };
  return { puts, requests, stop };
}

export function putAnswer(
  send: Send,
  request: Pick<NodeRequest, 'id'>,
  answer: NodeAnswer,
  node = NODE,
): Promise<Response> {
  const body = formatNodeAnswer(answer);
  const path = `/api/nodes/north/${node}/answers/${request.id}/${formatHex(sha256(body))}`;
  const headers = { 'content-type': 'application/json' };
  return send(path, { method: 'PUT', body: new Uint8Array(body), headers });
}

/** The transcript of a dry run of `spec` in which nothing is wrong, but for `changes`. */
export function transcriptOf(
  request: NodeRequest,
  spec: unknown,
  changes: Partial<Transcript> = {},
): Transcript {
  const { spec: read } = readPolicySpec(spec);
  if (request.kind !== 'dry-run' || read === undefined) throw new Error('no dry run of a policy');
  const parts = { findings: [], results: [resultOf()], ...changes };
  return {
    format: 'writ-transcript/v1',
    ...{ village: 'north', node: NODE, host: HOST },
    policy: request.policy,
    version: request.version,
    semantic_digest: semanticDigest(read),
    ir_digest: '11'.repeat(32),
    driver: formatHex(DRIVER),
    severity: transcriptSeverity(parts),
    structural: false,
    started_ms: 1_790_000_000_000,
    ended_ms: 1_790_000_000_900,
    used_inventory: {
      refreshed: true,
      ts: 1_790_000_000_000,
      stale: false,
      reason: null,
      override: null,
    },
    results_cut: 0,
    ...parts,
  };
}

export function resultOf(
  changes: Partial<Transcript['results'][number]> = {},
): Transcript['results'][number] {
  return {
    ...{ action: 0, target_id: 'outlet:desk', capability: 'lamp.power', verb: 'turn-off' },
    driver: formatHex(DRIVER),
    ...{
      ok: true,
      severity: 'info',
      rule: null,
      idempotency_key: 'lamp.power/turn-off/outlet:desk',
    },
    preconditions: [{ check: 'reachable', ok: true, details: null }],
    plan: { kind: 'api', preview: ['switch'] },
    effects: { summary: 'off', per_target: [{ id: 'outlet:desk', from: 'on', to: 'off' }] },
    reason: null,
    ...changes,
  };
}

/** What the node says that there is. */
export function inventoryOf(
  names: readonly string[],
  ts: number,
  changes: Partial<InventoryAnswer> = {},
): InventoryAnswer {
  return {
    format: 'writ-inventory/v1',
    ...{ village: 'north', node: NODE, host: HOST, ts },
    ...{ stale: false, reason: null, refreshed: true, items_cut: 0 },
    items: names.map((name) => ({
      ...{ id: `outlet:${name}`, type: 'outlet', name, label: `Outlet ${name}` },
      labels: { room: name.slice(0, 1) },
      state: 'on',
    })),
    ...changes,
  };
}

/** The statement with which a node records a dry run. */
export function recordOf(transcript: Transcript): Payload {
  const { policy, version, severity, ir_digest } = transcript;
  return {
    kind: 'dry-run',
    ...{ policy, version, severity },
    ir: parseHex(ir_digest) ?? new Uint8Array(32),
    transcript: parseHex(nodeAnswerId(formatNodeAnswer(transcript))) ?? new Uint8Array(32),
    timeMs: transcript.ended_ms,
  };
}
