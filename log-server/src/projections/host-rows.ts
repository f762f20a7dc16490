// Rows of hosts: which node serves each, from what nodes list (spec/policy-api.md section 6). A host stays with the node
// that listed it first for as long as it does, so that no node takes it from another.

import { formatHex } from '@writ/core/bytes';
import type { NodeHosts } from '@writ/core/statements/kinds/node-reports';
import type { Committed } from './committed.ts';
import { type Draft, rowOf } from './draft.ts';
import { claimKey, claimsOf, hostKey, listedKey } from './keys.ts';
import { type RowReader, under } from './rows.ts';

/** Nodes that may list one host; later ones are not heard. */
const MAX_CLAIMS = 1024;

/** A host as a node lists it. */
export interface HostRow {
  readonly id: string;
  readonly village: string;
  readonly node: string;
  readonly name: string;
  /** Digest of the driver package; null where none is pinned. */
  readonly driver: string | null;
  readonly types: readonly string[];
  /** Leaf index from which on this node lists it without a break. */
  readonly since: number;
  /** The newest list. */
  readonly leaf_index: number;
  readonly time: number;
}

/** Takes up the list of a node, which replaces its last one. */
export async function projectHosts(
  rows: Draft,
  { village, node }: { readonly village: string; readonly node: string },
  { hosts }: NodeHosts,
  { index, timeSeconds }: Committed,
): Promise<void> {
  const before = (await rows.read<readonly string[]>(listedKey(village, node))) ?? [];
  const listed = new Set(hosts.map(({ id }) => id));
  for (const id of before) if (!listed.has(id)) rows.delete(claimKey(village, id, node));
  for (const { id, name, driver, types } of hosts) {
    const old = await rows.read<HostRow>(claimKey(village, id, node));
    const row: HostRow = {
      ...{ id, village, node, name, types },
      driver: driver === null ? null : formatHex(driver),
      since: old?.since ?? index,
      leaf_index: index,
      time: timeSeconds,
    };
    rows.put(claimKey(village, id, node), row);
  }
  rows.put(listedKey(village, node), [...listed]);
  for (const id of new Set([...before, ...listed])) await choose(rows, village, id);
}

/** The node that serves a host; null: none does. */
export async function servingNode(
  rows: RowReader,
  village: string,
  host: string | null,
): Promise<string | null> {
  if (host === null) return null;
  return rowOf<HostRow>(await rows.get(hostKey(village, host)))?.node ?? null;
}

async function choose(rows: Draft, village: string, host: string): Promise<void> {
  const found = await rows.range({ ...under(claimsOf(village, host)), limit: MAX_CLAIMS });
  const claims = found.flatMap(([, text]) => rowOf<HostRow>(text) ?? []);
  const [first] = claims.sort((a, b) => a.since - b.since);
  if (first === undefined) rows.delete(hostKey(village, host));
  else rows.put(hostKey(village, host), first);
}
