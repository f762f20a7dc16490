// Hosts, what their drivers can do, and which targets they have (spec/policy-api.md section 6).

import { LogError } from '@writ/core/errors';
import type { Capability } from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { DEFAULT_PAGE, MAX_PAGE, searchTargets } from '@writ/policy/engine/inventory-search';
import { STALE_AFTER_MS } from '@writ/policy/engine/inventory-staleness';
import { formatNodeAnswer } from '@writ/policy/engine/transcript';
import { rowOf } from '../projections/draft.ts';
import type { HostRow } from '../projections/host-rows.ts';
import { hostsOf } from '../projections/keys.ts';
import { under } from '../projections/rows.ts';
import { cacheControl } from './access.ts';
import { etagReply, linkTo } from './api-reply.ts';
import { type ApiVillage, apiVillage, memberVillage, uuidInPath } from './api-village.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import type { KeptInventory } from './host-inventories.ts';
import { findHost } from './policy-view.ts';
import { type Call, jsonReply, queryNumber, type Reply } from './reply.ts';

const MAX_HOSTS = 500;
const DEFAULT_HOSTS = 100;
/** How long a node has for a refresh. */
const REFRESH_MS = 8000;

const NOTHING = InventoryIndex.build({ items: [], timeMs: 0, stale: true, reason: null });

/** `GET /api/hosts`: by id. */
export async function listHosts(deps: AppDeps, call: Call): Promise<Reply> {
  const { query } = call;
  const limit = queryNumber(query, 'limit', DEFAULT_HOSTS, { min: 1, max: MAX_HOSTS });
  const cursor = query.get('cursor');
  if (cursor !== undefined && !/^[0-9a-f-]{36}$/.test(cursor))
    throw invalidRequest('cursor', 'expected the id of a host');
  const village = await apiVillage(deps, call);
  const range = under(hostsOf(village.id));
  const gte = cursor === undefined ? range.gte : `${range.gte}${cursor} `;
  const found = await village.services.projection.rows.range({ ...range, gte, limit: limit + 1 });
  const hosts = found.slice(0, limit).flatMap(([, text]) => rowOf<HostRow>(text) ?? []);
  const next = found.length > limit ? (hosts.at(-1)?.id ?? null) : null;
  return etagReply(call, village.access, { hosts, next }, linkTo(call, next));
}

/** `GET /api/hosts/{id}/capabilities`: as the manifest of its driver package has them. */
export async function readCapabilities(deps: AppDeps, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const village = await apiVillage(deps, call);
  const host = await requireHost(village, id);
  const { driver } = host;
  const manifests = await village.services.manifests.read(driver === null ? [] : [driver]);
  const manifest = driver === null ? undefined : manifests.get(driver);
  if (manifest === undefined)
    throw new LogError('not-found', 'the driver package of the host is not at hand: upload it');
  return etagReply(call, village.access, {
    ...{ host: host.id, node: host.node, leaf_index: host.leaf_index },
    driver: { id: manifest.id, name: manifest.name, version: manifest.version, digest: driver },
    types: host.types,
    capabilities: manifest.capabilities.map(capabilityFacts),
  });
}

function capabilityFacts(capability: Capability): object {
  const { id, verbs, targets, dry_run, invertible, destructive, params, idempotency } = capability;
  return { id, verbs, targets, dry_run, invertible, destructive, params, idempotency };
}

/** `GET /api/hosts/{id}/inventory`: 200 also where the node did not answer, with what it said before. */
export async function readInventory(deps: AppDeps, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const { query } = call;
  const limit = queryNumber(query, 'limit', DEFAULT_PAGE, { min: 1, max: MAX_PAGE });
  const refresh = query.get('refresh') ?? 'false';
  if (refresh !== 'true' && refresh !== 'false')
    throw invalidRequest('refresh', 'expected true or false');
  const village = await (refresh === 'true' ? memberVillage : apiVillage)(deps, call);
  const host = await requireHost(village, id);
  const problem = refresh === 'true' ? await refreshHost(deps, village, host) : null;
  const known = village.services.inventories.find(village.id, id, host.node);
  const page = searchTargets(known?.index ?? NOTHING, query.get('q') ?? '', {
    limit,
    cursor: query.get('cursor') ?? null,
  });
  const body = {
    ...{ host: host.id, node: host.node },
    ...stampOf(known, deps.env.nowMs(), problem),
    items: page.items,
    next: page.cursor,
  };
  return jsonReply(body, { ...cacheControl(village.access), ...linkTo(call, page.cursor) });
}

async function requireHost({ services, id }: ApiVillage, host: string): Promise<HostRow> {
  const row = await findHost(services, id, host);
  if (row !== undefined) return row;
  throw new LogError('not-found', `no node of the village serves a host ${host}`);
}

/** Asks the node; what went wrong, or null. */
async function refreshHost(
  { env }: AppDeps,
  { services, id: village }: ApiVillage,
  { id: host, node }: HostRow,
): Promise<string | null> {
  const question = { kind: 'inventory', host, deadline_ms: env.nowMs() + REFRESH_MS } as const;
  const answer = await services.nodes.ask(`${village}/${node}`, question);
  if (answer === undefined) return `the node ${node} has not answered in time`;
  if (answer.format === 'writ-node-failure/v1') return `the node ${node}: ${answer.reason}`;
  if (answer.format !== 'writ-inventory/v1') return `the node ${node} answered something else`;
  services.inventories.keep(answer, formatNodeAnswer(answer).length);
  return answer.refreshed ? null : (answer.reason ?? 'the refresh came back in part');
}

function stampOf(
  known: KeptInventory | undefined,
  nowMs: number,
  problem: string | null,
): { ts: number | null; stale: boolean; reason: string | null; refreshed: boolean } {
  if (known === undefined) {
    const reason = problem ?? 'no node has said what there is: ask with refresh=true';
    return { ts: null, stale: true, reason, refreshed: false };
  }
  const { ts, stale, reason, refreshed, items_cut } = known.answer;
  const isOld = ts === null || nowMs - ts > STALE_AFTER_MS || ts > nowMs;
  const why = problem ?? reason ?? (items_cut > 0 ? `${items_cut} targets found no room` : null);
  return {
    ts,
    stale: stale || isOld || problem !== null,
    reason: why ?? (isOld ? 'the node has not said anything lately' : null),
    refreshed: problem === null && refreshed,
  };
}
