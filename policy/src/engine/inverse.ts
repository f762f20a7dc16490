// The policy that undoes another one (spec/policy-engine.md section 10). What undoes what, only the manifests of
// the pinned drivers say.

import type { JsonValue } from '@writ/core/statements/jcs';
import { pinnedDriver } from './compile-capability.ts';
import type { Capability, DriverManifest } from './driver-manifest.ts';
import type { Finding } from './finding.ts';
import { findingOf } from './finding-codes.ts';
import { mapKey, ownMember } from './inverse-check.ts';
import { checkParams } from './params-check.ts';
import type { Action, PolicySpec } from './policy-spec.ts';

export interface InversePolicy {
  readonly spec: PolicySpec;
  /** JSON Pointers into `spec`: what an author has to look at, because no manifest says what it should be. */
  readonly needsInput: readonly string[];
  /** For the author, one sentence each. */
  readonly notes: readonly string[];
}

const PREFIX = 'Inverse of ';
/** As the schema has it, in UTF-16 units. */
const MAX_NAME_LENGTH = 200;
const MIN_NAME_LENGTH = 3;

/**
 * The inverse of `spec`, disabled: each verb flipped, the actions in reverse order. `manifests` holds manifests by
 * digest in hexadecimal. Where one action cannot be undone there is no inverse at all, and the findings name every
 * such action.
 */
export function invertPolicy(
  spec: PolicySpec,
  manifests: ReadonlyMap<string, DriverManifest>,
): InversePolicy | { readonly findings: readonly Finding[] } {
  const digest = pinnedDriver(spec);
  const manifest = digest === null ? undefined : manifests.get(digest);
  if (manifest === undefined)
    return {
      findings: [
        findingOf(
          'inverse-driver-unknown',
          '/targets/driver',
          'what undoes an action is in the manifest of its driver: pin a driver package that is at hand',
        ),
      ],
    };
  const inverted = spec.actions.map((action, i) => invertAction(action, i, manifest));
  const findings = inverted.flatMap((result) => ('finding' in result ? [result.finding] : []));
  if (findings.length > 0) return { findings };
  const actions = inverted.flatMap((result) => ('action' in result ? [result.action] : []));
  return {
    // A copy all through: whoever edits the inverse does not touch the original.
    spec: structuredClone({
      ...spec,
      name: inverseName(spec.name),
      enabled: false,
      actions: actions.reverse(),
    }),
    needsInput: [
      ...spec.trigger_group.triggers.map((_, i) => `/trigger_group/triggers/${i}`),
      ...spec.conditions.all.map((_, i) => `/conditions/all/${i}`),
    ],
    notes: notesFor(spec),
  };
}

type InvertedAction = { readonly action: Action } | { readonly finding: Finding };

function invertAction(action: Action, i: number, manifest: DriverManifest): InvertedAction {
  const name = `${action.capability_id} ${action.verb}`;
  const refuse = (why: string): InvertedAction => ({
    finding: findingOf('inverse-impossible', `/actions/${i}`, `${name} cannot be undone: ${why}`),
  });
  const capability = manifest.capabilities.find(({ id }) => id === action.capability_id);
  if (capability === undefined) return refuse('the driver does not have the capability');
  const inverse = ownMember(capability.invertible, action.verb);
  if (inverse === undefined) return refuse('its driver names no inverse');
  const params = new Map<string, JsonValue>(Object.entries(action.params));
  for (const [parameter, map] of Object.entries(inverse.params)) {
    const key = mapKey(params.get(parameter));
    const image = key === undefined ? undefined : ownMember(map, key);
    if (image === undefined)
      return refuse(`its driver names no inverse for ${parameter} ${key ?? 'left out'}`);
    params.set(parameter, image);
  }
  const flipped: Action = {
    capability_id: action.capability_id,
    verb: inverse.verb,
    params: Object.fromEntries(params),
    idempotency: action.idempotency,
  };
  const [problem] = problemsOf(capability, flipped);
  if (problem !== undefined) return refuse(`${inverse.verb}: ${problem}`);
  return { action: flipped };
}

function problemsOf(capability: Capability, action: Action): string[] {
  const schema = ownMember(capability.params, action.verb) ?? NO_PARAMS;
  return checkParams(schema, action.params).map(({ message, pointer }) => `${pointer} ${message}`);
}

const NO_PARAMS: JsonValue = { type: 'object', additionalProperties: false };

/** The inverse of an inverse has the name of the original again. */
function inverseName(name: string): string {
  const original = name.slice(PREFIX.length).trimStart();
  if (name.startsWith(PREFIX) && original.length >= MIN_NAME_LENGTH) return original;
  const cut = `${PREFIX}${name}`.slice(0, MAX_NAME_LENGTH);
  // A cut in the middle of a character leaves half of it.
  return (cut.isWellFormed() ? cut : cut.slice(0, -1)).trimEnd();
}

function notesFor(spec: PolicySpec): string[] {
  const notes = [
    'The triggers are those of the original: replace them with what should start the way back.',
  ];
  if (spec.conditions.all.length > 0)
    notes.push('The conditions are those of the original: see whether they hold on the way back.');
  if (spec.targets.selector.mode === 'list')
    notes.push('The targets stand in the order of the original: turn it round where it matters.');
  return notes;
}
