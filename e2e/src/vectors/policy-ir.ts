// Vectors of format policy-ir: a policy with what is known of hosts and drivers, and what it compiles to.

import { utf8 } from '@writ/core/bytes';
import { compile } from '@writ/policy/engine/compile';
import type { CompileHost } from '@writ/policy/engine/compile-capability';
import type { DriverManifest } from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { readManifest } from '@writ/policy/engine/manifest';

interface Input {
  text(name: string): string;
  texts(name: string): string[];
  value(name: string): unknown;
}

/** What an outcome has beside the verdict; `valid` is there where the policy has a blocker, with the first one. */
export function runPolicyIr(input: Input): Readonly<Record<string, unknown>> {
  const result = compile(input.value('document'), {
    policyId: input.text('policy_id'),
    version: Number(input.value('version')),
    manifests: new Map(membersOf(input.value('manifests')).map(readMember)),
    hosts: new Map(membersOf(input.value('hosts')).map(([id, host]) => [id, readHost(host)])),
    inventory: inventoryOf(input.texts('inventory')),
  });
  if (!result.ok) {
    const blocker = result.findings.find(({ severity }) => severity === 'blocker');
    return { valid: false, code: blocker?.code, detail: { path: blocker?.path } };
  }
  const { severity, findings, ir, digests, resolution } = result;
  return {
    severity,
    codes: findings.map(({ code }) => code),
    ir,
    ir_digest: digests.ir,
    spec_digest: digests.spec,
    semantic_digest: digests.semantic,
    resolved_ids: resolution.ids,
  };
}

function readMember([digest, value]: readonly [string, unknown]): [string, DriverManifest] {
  const { manifest, findings } = readManifest(utf8(JSON.stringify(value)));
  if (manifest === undefined) throw new TypeError(`manifest: ${JSON.stringify(findings)}`);
  return [digest, manifest];
}

function readHost(value: unknown): CompileHost {
  const members = new Map(membersOf(value));
  const [driver, types] = [members.get('driver'), members.get('target_types')];
  if (!Array.isArray(types)) throw new TypeError('target_types must be a list');
  return { driver: driver === null ? null : String(driver), targetTypes: types.map(String) };
}

function inventoryOf(ids: readonly string[]): InventoryIndex {
  const items = ids.map((id) => ({
    id,
    type: id.slice(0, id.indexOf(':')),
    name: id,
    label: id,
    labels: {},
    state: null,
  }));
  return InventoryIndex.build({ items, timeMs: 0, stale: false, reason: null });
}

function membersOf(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object is needed');
  return Object.entries(value);
}
