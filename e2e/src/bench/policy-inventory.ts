// An inventory of 10^3 to 10^5 targets: what a search takes, what a selector takes, and what building it takes.

import type { Inventory, InventoryItem } from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { searchTargets } from '@writ/policy/engine/inventory-search';
import type { Selector } from '@writ/policy/engine/policy-spec';
import { parseSelector, resolve } from '@writ/policy/engine/selector';
import { type Benchmark, lower, quantile, type Result } from './result.ts';

const SIZES = [1000, 10_000, 100_000] as const;
const ROUNDS = 20;
const HOSTNAMES = ['web', 'mail', 'db', 'lab', 'render'] as const;
const ROLES = ['app', 'core', 'edge'] as const;

export const policyInventory: Benchmark = {
  name: 'policy-inventory',
  run: async (say) => SIZES.flatMap((targets) => measure(targets, say)),
};

function measure(targets: number, say: (line: string) => void): Result[] {
  const inventory = inventoryOf(targets);
  const started = performance.now();
  const index = InventoryIndex.build(inventory);
  const buildMs = performance.now() - started;
  const first = timed(() => searchTargets(index, 'warm'));
  const firstQuery = timed(() =>
    run(index, { mode: 'query', value: 'label.role = core or name ~ "*warm*"' }),
  );
  const searches = searchesOf(targets).flatMap((text) => rounds(() => searchTargets(index, text)));
  const resolutions = selectorsOf(targets).map((selector) => ({
    selector,
    ms: rounds(() => run(index, selector)),
  }));
  const what = `${targets} targets`;
  say(
    `${what}: index in ${buildMs.toFixed(1)} ms, its first search ${first.toFixed(1)} ms, its first query ${firstQuery.toFixed(1)} ms`,
  );
  for (const { selector, ms } of resolutions)
    say(`${what}: ${quantile(ms, 0.95).toFixed(2)} ms p95 for ${selector.value.slice(0, 60)}`);
  const all = resolutions.flatMap(({ ms }) => ms);
  return [
    lower(`search of ${what}, p95`, quantile(searches, 0.95), 'ms', 20, 5),
    lower(`selector resolution, ${what}, p95`, quantile(all, 0.95), 'ms', 20, 5),
    lower(
      `inventory index with all tables, ${what}`,
      buildMs + first + firstQuery,
      'ms',
      2000,
      500,
    ),
  ];
}

function run(index: InventoryIndex, selector: Selector): void {
  const { parsed, findings } = parseSelector(selector, 'vm');
  if (parsed === undefined) throw new Error(findings[0]?.message);
  resolve(parsed, index, { isDynamic: true });
}

/** What people type: an id, parts of names, labels, two words, and words that are nowhere. */
function searchesOf(targets: number): readonly string[] {
  const last = String(targets - 1).padStart(6, '0');
  return [
    `vm:${targets}`,
    `render-${last}`,
    'mail',
    'team-9',
    'team-91',
    'rack=r399',
    'site49.example',
    'edge-x',
    'zzz',
    '1234567',
    'db team-17',
    `web ${last}`,
    'e',
    'q',
  ];
}

function selectorsOf(targets: number): readonly Selector[] {
  const middle = Math.floor(targets / 2);
  return [
    { mode: 'list', value: '100, 105, 900000' },
    { mode: 'range', value: `${middle}-${middle + 400}` },
    { mode: 'query', value: 'label.rack = r17' },
    { mode: 'query', value: 'label.rack = r17 and not label.role = core' },
    { mode: 'query', value: 'label.rack in (r1, r2, r3) and name ~ "web-*"' },
    { mode: 'query', value: 'name ~ "*-00001?.site*"' },
    { mode: 'query', value: 'id ~ "1?9" or (name ~ "*0042*" and label.owner != team-3)' },
  ];
}

function rounds(work: () => void): number[] {
  return Array.from({ length: ROUNDS }, () => timed(work));
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function inventoryOf(targets: number): Inventory {
  const items = Array.from({ length: targets }, (_, i) => itemOf(i));
  return { items, timeMs: 0, stale: false, reason: null };
}

function itemOf(i: number): InventoryItem {
  const number = String(i).padStart(6, '0');
  return {
    id: `vm:${100 + i}`,
    type: 'vm',
    name: `${HOSTNAMES[i % HOSTNAMES.length]}-${number}.site${i % 50}.example`,
    label: `VM ${100 + i}`,
    labels: {
      rack: `r${i % 400}`,
      role: ROLES[i % ROLES.length] ?? '',
      owner: `team-${i % 90}`,
    },
    state: 'running',
  };
}
