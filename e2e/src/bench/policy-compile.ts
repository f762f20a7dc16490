// Compiling one policy, from a parsed document to IR and digests: the examples against their hosts, and generated
// policies, each with an inventory of a thousand targets at hand. The time of a document is the median of its runs, so
// that what else the machine does is not taken for the compiler; the quantiles are over documents.

import { readdirSync, readFileSync } from 'node:fs';
import { type CompileOptions, compile } from '@writ/policy/engine/compile';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { generateSpecs } from '@writ/policy/test/arbitrary-spec';
import { OPTIONS } from '@writ/policy/test/sample-policies';
import { type Benchmark, lower, quantile, type Result } from './result.ts';

const GENERATED = 500;
const ROUNDS = 15;
const SEED = 20;
const TARGETS = 1000;
const PORTS = 48;

export const policyCompile: Benchmark = {
  name: 'policy compile',
  run: async () => [
    ...measure('generated', generateSpecs(GENERATED, SEED), { ...OPTIONS, inventory: inventory() }),
    ...measure('examples', examples(), { ...OPTIONS, hosts: undefined }),
  ],
};

function measure(what: string, documents: readonly unknown[], options: CompileOptions): Result[] {
  // The first pass is for the compiler of JavaScript.
  for (const document of documents) timeOf(document, options);
  const times = documents.map((document) => {
    const runs = Array.from({ length: ROUNDS }, () => timeOf(document, options));
    return quantile(runs, 0.5);
  });
  return [
    lower(`policy compile, ${what}, p50`, quantile(times, 0.5), 'ms', 5, 1),
    lower(`policy compile, ${what}, p95`, quantile(times, 0.95), 'ms', 5, 1),
  ];
}

function timeOf(document: unknown, options: CompileOptions): number {
  const started = performance.now();
  const compiled = compile(document, options);
  const took = performance.now() - started;
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return took;
}

function examples(): unknown[] {
  const folder = new URL('../../../examples/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
}

function inventory(): InventoryIndex {
  const ids = [
    ...Array.from({ length: TARGETS }, (_, i) => `vm:${i}`),
    ...Array.from({ length: PORTS }, (_, i) => `poe-port:1/A${i + 1}`),
  ];
  const items = ids.map((id) => ({
    id,
    type: id.slice(0, id.indexOf(':')),
    name: id,
    label: id,
    labels: {},
    state: null,
  }));
  return InventoryIndex.build({ items, timeMs: 1_700_000_000_000, stale: false, reason: null });
}
