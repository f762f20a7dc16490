// Verified villages with policies, for tests of the engine: real statements, a real checkpoint with a cosignature, and
// the reading that verifies it.

import { formatHex, utf8 } from '@writ/core/bytes';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { EngineSnapshot } from '@writ/policy/agent/snapshot';
import type { CompileHost } from '@writ/policy/engine/compile-capability';
import type { Capability, DriverManifest } from '@writ/policy/engine/driver-manifest';
import type { InventoryIndex } from '@writ/policy/engine/inventory-index';
import {
  type SavedVillage,
  type VerifiedVillage,
  VillageReading,
} from '@writ/verifier/follow/reading';
import { HOST_ID, HYPERVISOR, MANIFESTS, VM_LIFECYCLE } from './sample-policies.ts';
import { CONSTITUTION, FOUNDER, LOG, VILLAGE } from './villages.ts';

export const WITNESS = createSigner('witness.example/one', 0x04, new Uint8Array(32).fill(3));

export const TRUST_TEXT = `log ${formatVkey(LOG)}\nwitness one ${formatVkey(WITNESS)}\nquorum one\n`;
export const TRUST: TrustPolicy = parsePolicy(utf8(TRUST_TEXT));

/** A capability that nobody can try without doing it, and one that destroys nothing. */
const SNAPSHOT: Capability = {
  ...VM_LIFECYCLE,
  id: 'vm.snapshot',
  verbs: ['take'],
  dry_run: 'not_supported',
  invertible: {},
  destructive: [],
  idempotency: { key_fields: ['verb', 'target_id', 'params.tag'] },
  params: {
    take: {
      type: 'object',
      properties: { tag: { type: 'string' } },
      required: [],
      additionalProperties: false,
    },
  },
};
const KILL: Capability = {
  ...SNAPSHOT,
  id: 'vm.kill',
  verbs: ['kill'],
  destructive: ['kill'],
  params: {},
};

/** The hypervisor of the samples, with two capabilities more. */
export const ENGINE_MANIFESTS: ReadonlyMap<string, DriverManifest> = new Map(
  [...MANIFESTS].map(([digest, manifest]) => [
    digest,
    digest === HYPERVISOR
      ? { ...manifest, capabilities: [...manifest.capabilities, SNAPSHOT, KILL] }
      : manifest,
  ]),
);

/** UUIDs in the order of their numbers. */
export function policyId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

export function hostId(number: number): string {
  return number === 0
    ? HOST_ID
    : `00000000-0000-4000-9000-${number.toString(16).padStart(12, '0')}`;
}

type Fields = { readonly [name: string]: JsonValue };

/** A policy that takes a snapshot of vm:101 when a UPS goes on battery. */
export function policy(fields: Fields = {}, targets: Fields = {}): Fields {
  return {
    version: 1,
    name: 'Snapshots before the battery ends',
    trigger_group: { logic: 'ANY', triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
    actions: [{ capability_id: 'vm.snapshot', verb: 'take' }],
    suppression_window: '1s',
    ...fields,
    targets: {
      host_id: HOST_ID,
      target_type: 'vm',
      selector: { mode: 'list', value: '101' },
      driver: `sha256:${HYPERVISOR}`,
      ...targets,
    },
  };
}

export interface VillageOptions {
  /** The law of the village where it is another than CONSTITUTION. */
  readonly law?: Partial<Constitution>;
  /** When the witness signed. */
  readonly witnessedSeconds: number;
  /** Size of the tree of the checkpoint; nobody looks behind its root here. */
  readonly treeSize?: number;
}

export interface MadeVillage {
  readonly saved: SavedVillage;
  /** By SHA-256 in hexadecimal. */
  readonly specs: ReadonlyMap<string, Uint8Array>;
}

/** A village in which each of `policies`, by their ids, is in force. */
export function makeVillage(
  policies: ReadonlyMap<string, JsonValue>,
  { law, witnessedSeconds, treeSize }: VillageOptions,
): MadeVillage {
  const specs = new Map<string, Uint8Array>();
  const payloads: Payload[] = [
    { kind: 'village-create', name: 'North Quay', constitution: { ...CONSTITUTION, ...law } },
  ];
  for (const [id, document] of policies) {
    const spec = utf8(formatCanonicalJson(document));
    specs.set(formatHex(sha256(spec)), spec);
    payloads.push({ kind: 'policy-change', policy: id, version: 1, spec });
  }
  const state = replay(payloads);
  const text = formatCheckpoint({
    origin: LOG.name,
    size: BigInt(treeSize ?? 2 * payloads.length + 1),
    root: sha256(utf8(`root ${payloads.length}`)),
    extensions: [],
  });
  const checkpoint = formatNote({
    text,
    signatures: [signText(LOG, text, 0n), signText(WITNESS, text, BigInt(witnessedSeconds))],
  });
  const saved = { village: VILLAGE, checkpoint, state: encodeStreamState(state), inbox: null };
  return { saved, specs };
}

export function verify(saved: SavedVillage): VerifiedVillage {
  const verified = new VillageReading({ village: VILLAGE, policy: TRUST, saved }).saved;
  if (verified === undefined) throw new Error('the village has no state');
  return verified;
}

export interface SnapshotOptions {
  readonly manifests?: ReadonlyMap<string, DriverManifest>;
  readonly hosts?: ReadonlyMap<string, CompileHost>;
  readonly inventoryOf?: (host: string) => InventoryIndex | undefined;
  readonly before?: EngineSnapshot;
}

/** The snapshot of a village. The hosts are those of `hostId` from 0 to 19 unless given. */
export function snapshotOf(
  { saved, specs }: MadeVillage,
  options: SnapshotOptions = {},
): EngineSnapshot {
  const { manifests = ENGINE_MANIFESTS, hosts = HOSTS, inventoryOf = () => undefined } = options;
  return EngineSnapshot.build({
    verified: verify(saved),
    spec: (digest) => specs.get(digest),
    ...{ manifests, hosts, inventoryOf },
    before: options.before,
  });
}

export const HOSTS: ReadonlyMap<string, CompileHost> = new Map(
  Array.from({ length: 20 }, (_, i) => [
    hostId(i),
    { driver: null, driverId: 'example.hypervisor', targetTypes: ['vm'] },
  ]),
);

function replay(payloads: readonly Payload[]): StreamState {
  const stream = `village/${VILLAGE}`;
  const states = new Map<string, StreamState>();
  const signer = {
    publicKey: FOUNDER.publicKey,
    sign: (message: Uint8Array) => FOUNDER.signRaw(message),
  };
  let previous: Uint8Array | null = null;
  for (const [seq, payload] of payloads.entries()) {
    const bytes: Uint8Array = signStatement(
      {
        kind: payload.kind,
        issuer: 'ada',
        stream,
        seq,
        previous,
        issuedAtSeconds: 0,
        payload: encodePayload(payload),
      },
      signer,
    );
    const statement = decodeStatement(bytes);
    const step = { statement, payload: decodePayload(statement) };
    const outcome = reduce(states, step, contextAt(states, 2 * seq, LOG.publicKey));
    if (!outcome.admitted) throw new Error(outcome.refusal.message);
    states.set(stream, outcome.state);
    previous = statement.id;
  }
  const state = states.get(stream);
  if (state === undefined) throw new Error('the village has no statement');
  return state;
}
