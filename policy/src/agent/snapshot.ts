// What the engine may act on (spec/policy-engine.md section 1): made from a village that the verifier returned, and from
// nothing else. A snapshot never changes; the next one takes its place whole.

import { formatHex } from '@writ/core/bytes';
import type { VerifiedTree } from '@writ/core/statements/kinds/node';
import type { VillageState } from '@writ/core/streams/village-state';
import { VerifiedVillage } from '@writ/verifier/follow/reading';
import type { EngineEvent } from '../engine/event.ts';
import { exactEventKey, exactTriggerKey } from '../engine/event-key.ts';
import { eventKey, matchKeys, type PreparedTrigger } from '../engine/event-match.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import type { Resolution } from '../engine/policy-ir.ts';
import {
  type ActivePolicy,
  activate,
  hostOf,
  type IdlePolicy,
  type PolicyRef,
  type PolicySurroundings,
} from './active-policy.ts';

/** Beside the verified village: what its digests name, and what this node has. None of it is believed unchecked. */
export interface SnapshotParts {
  readonly verified: VerifiedVillage;
  /** A spec by its SHA-256 in hexadecimal. */
  readonly spec: (digest: string) => Uint8Array | undefined;
  readonly manifests: PolicySurroundings['manifests'];
  readonly hosts: NonNullable<PolicySurroundings['hosts']>;
  /** What is known of the targets of a host. */
  readonly inventoryOf: (host: string) => InventoryIndex | undefined;
  /** What a selector that is resolved once meant when the version was first compiled here. */
  readonly resolutionOf?: ((ref: PolicyRef) => Resolution | undefined) | undefined;
  /** The one before: what did not change is not compiled again. */
  readonly before?: EngineSnapshot | undefined;
}

type Law = VillageState['law'];

const SEAL: unique symbol = Symbol('an engine snapshot');

export class EngineSnapshot {
  readonly village: string;
  /** The tree whose checkpoint was verified. */
  readonly tree: VerifiedTree;
  /** Position of the village's head in its stream; -1: there is no such village. */
  readonly villageSeq: number;
  /** When the newest witness signed that checkpoint, in seconds since 1970. */
  readonly timeSeconds: number;
  readonly staleness: Law['staleness'];
  readonly active: readonly ActivePolicy[];
  readonly idle: readonly IdlePolicy[];
  /** The timer.after triggers of all active policies, each once. */
  readonly afterTriggers: readonly PreparedTrigger[];
  /** Policies that take any of their triggers, by what a trigger says. */
  readonly #byTrigger: ReadonlyMap<string, readonly ActivePolicy[]>;
  /** Policies that want all of their triggers, by what concerns any of them. */
  readonly #byKey: ReadonlyMap<string, readonly ActivePolicy[]>;
  readonly #byRef: ReadonlyMap<string, ActivePolicy>;

  private constructor(
    seal: typeof SEAL,
    { verified }: SnapshotParts,
    state: VillageState | null,
    policies: readonly (ActivePolicy | IdlePolicy)[],
  ) {
    if (seal !== SEAL) throw new TypeError('a snapshot is made by EngineSnapshot.build alone');
    const { village, checkpoint } = verified;
    this.village = village;
    this.tree = { size: Number(checkpoint.size), root: checkpoint.root };
    this.villageSeq = state?.head.seq ?? -1;
    this.timeSeconds = verified.witnessedSeconds;
    this.staleness = state?.law.staleness ?? { mode: 'freeze', maxSeconds: 1 };
    this.active = Object.freeze(policies.filter(isActive).sort(byPriority));
    this.idle = Object.freeze(policies.filter((policy): policy is IdlePolicy => !isActive(policy)));
    this.afterTriggers = Object.freeze(afterTriggersOf(this.active));
    const isAny = ({ match }: ActivePolicy): boolean => match.logic === 'ANY';
    this.#byTrigger = indexBy(this.active.filter(isAny), ({ match }) => [
      ...new Set(match.triggers.map(exactTriggerKey)),
    ]);
    this.#byKey = indexBy(
      this.active.filter((policy) => !isAny(policy)),
      ({ match }) => matchKeys(match),
    );
    this.#byRef = new Map(this.active.map((policy) => [refKey(policy.ref), policy]));
    Object.freeze(this);
  }

  /** TypeError unless `parts.verified` came out of the verifier, and `parts.before` out of here. */
  static build(parts: SnapshotParts): EngineSnapshot {
    const { verified, before } = parts;
    if (!VerifiedVillage.is(verified))
      throw new TypeError('an engine snapshot needs a village that was verified');
    const { state } = verified;
    const policies = refsOf(state).map((ref) => {
      const { manifests, hosts } = parts;
      const known = before?.reusable(ref, { manifests, hosts });
      if (known !== undefined) return known;
      const spec = parts.spec(formatHex(ref.digest));
      const host = spec === undefined ? undefined : hostOf(spec);
      const inventory = host === undefined ? undefined : parts.inventoryOf(host);
      const resolution = parts.resolutionOf?.(ref);
      return activate(ref, spec, { manifests, hosts, inventory, resolution });
    });
    return new EngineSnapshot(SEAL, parts, state, policies);
  }

  /** Whether `build` made `value`. */
  static is(value: unknown): value is EngineSnapshot {
    return typeof value === 'object' && value !== null && #byKey in value;
  }

  /** The active policies that `event` can concern, in the order in which they are asked. */
  candidates(event: EngineEvent): readonly ActivePolicy[] {
    const any = this.#byTrigger.get(exactEventKey(event)) ?? [];
    const all = this.#byKey.get(eventKey(event)) ?? [];
    if (all.length === 0) return any;
    return any.length === 0 ? all : [...any, ...all].sort(byPriority);
  }

  /** The policy as it was compiled here, where nothing that it depends on has changed since. */
  reusable(
    ref: PolicyRef,
    now: Pick<PolicySurroundings, 'manifests' | 'hosts'>,
  ): ActivePolicy | undefined {
    const known = this.#byRef.get(refKey(ref));
    if (known === undefined) return undefined;
    // The digest of the package says that its manifest is the same.
    const isSameDriver = now.manifests.has(known.driver.hex);
    const host = now.hosts?.get(known.ir.targets.host_id);
    // What a static selector meant is kept for as long as the version is in force.
    return isSameDriver && host !== undefined ? known : undefined;
  }
}

function refsOf(state: VillageState | null): PolicyRef[] {
  const refs: PolicyRef[] = [];
  for (const [id, { version, digest, seq }] of state?.policies ?? [])
    if (digest !== null) refs.push({ id, version, digest, seq });
  return refs;
}

function refKey({ id, version, digest, seq }: PolicyRef): string {
  return `${id} ${version} ${seq} ${formatHex(digest)}`;
}

function isActive(policy: ActivePolicy | IdlePolicy): policy is ActivePolicy {
  return 'ir' in policy;
}

/** Lower priority numbers first, then the lower id (code units of a lower-case UUID). */
function byPriority(a: ActivePolicy, b: ActivePolicy): number {
  const difference = a.ir.priority - b.ir.priority;
  if (difference !== 0) return difference;
  return a.ref.id < b.ref.id ? -1 : 1;
}

function indexBy(
  policies: readonly ActivePolicy[],
  keysOf: (policy: ActivePolicy) => readonly string[],
): Map<string, ActivePolicy[]> {
  const index = new Map<string, ActivePolicy[]>();
  for (const policy of policies) {
    for (const key of keysOf(policy)) {
      const list = index.get(key);
      if (list === undefined) index.set(key, [policy]);
      else list.push(policy);
    }
  }
  return index;
}

function afterTriggersOf(policies: readonly ActivePolicy[]): PreparedTrigger[] {
  const found = new Map<string, PreparedTrigger>();
  for (const { match } of policies)
    for (const prepared of match.triggers)
      if (prepared.trigger.kind === 'timer.after') found.set(prepared.id, prepared);
  return [...found.values()];
}
