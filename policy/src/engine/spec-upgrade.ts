// Versions of the Policy Spec: how a document of an older one becomes one of the newest. There is only version 1 now;
// the table is where the way from 1 to 2 will stand.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Finding } from './finding.ts';
import { refusal } from './schema-parts.ts';

/** The newest version, which the schema reads. */
export const SPEC_VERSION = 1;

/** Makes a document of the next version. Pure; the document was not judged by any schema. */
export type SpecUpgrade = (document: { readonly [name: string]: JsonValue }) => {
  readonly [name: string]: JsonValue;
};

/** Version → the way to the next one. */
export const SPEC_UPGRADES: ReadonlyMap<number, SpecUpgrade> = new Map();

/**
 * `document` as one of version `newest`; a blocker for a version that no table leads from. A document without a
 * version is of version 1. What is no object is left to the schema.
 */
export function upgradeSpec(
  document: JsonValue,
  upgrades: ReadonlyMap<number, SpecUpgrade> = SPEC_UPGRADES,
  newest: number = SPEC_VERSION,
): { readonly document: JsonValue } | { readonly finding: Finding } {
  if (typeof document !== 'object' || document === null || isList(document)) return { document };
  const first = Object.hasOwn(document, 'version') ? document['version'] : 1;
  let current: { readonly [name: string]: JsonValue } = document;
  for (let version = first; version !== newest; ) {
    const upgrade = typeof version === 'number' ? upgrades.get(version) : undefined;
    if (typeof version !== 'number' || upgrade === undefined) return { finding: unknown(newest) };
    version++;
    current = { ...upgrade(current), version };
  }
  return { document: current };
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function unknown(newest: number): Finding {
  return refusal(
    'version-unknown',
    '/version',
    `this program knows versions up to ${newest}: write the policy in one of them, or update the program`,
  );
}
