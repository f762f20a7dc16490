// Where a driver may connect to: what its manifest declares, filled in from the connection (spec/drivers.md section 5).

import type { JsonValue } from '@writ/core/statements/jcs';
import type { DriverManifest } from './driver-manifest.ts';
import { membersOf } from './params-schema.ts';

/** Most addresses of one driver process. */
export const MAX_ADDRESSES = 256;

const PORTS: ReadonlyMap<string, string> = new Map([
  ['http:', '80'],
  ['https:', '443'],
]);

/**
 * Every `name:port` that `manifest.network` comes to under `connection`: lower case, sorted, each once. A value of the
 * connection that is neither an address nor an HTTP URL opens nothing.
 */
export function allowedAddresses(manifest: DriverManifest, connection: JsonValue): string[] {
  const addresses = new Set<string>();
  for (const entry of manifest.network) {
    const [scheme, pointer] = entry.startsWith('connection:')
      ? ['connection', entry.slice('connection:'.length)]
      : ['literal', entry];
    const values =
      scheme === 'literal' ? [entry] : valuesAt(connection, pointer.split('/').slice(1));
    for (const value of values) {
      const address = typeof value === 'string' ? parseAddress(value) : undefined;
      if (address !== undefined && addresses.size < MAX_ADDRESSES) addresses.add(address);
    }
  }
  return [...addresses].sort();
}

/** `name:port` of an address or of an http or https URL, in lower case; undefined for anything else. */
export function parseAddress(text: string): string | undefined {
  if (text.length > 2048) return undefined;
  if (text.startsWith('http://') || text.startsWith('https://')) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || url.hostname === '') return undefined;
    return `${url.hostname}:${url.port || PORTS.get(url.protocol)}`;
  }
  const match =
    /^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]):([1-9][0-9]{0,4})$/.exec(text);
  if (match === null || Number(match[2]) > 65535) return undefined;
  return text.toLowerCase();
}

function valuesAt(value: JsonValue | undefined, segments: readonly string[]): JsonValue[] {
  const [segment, ...rest] = segments;
  if (value === undefined) return [];
  if (segment === undefined) return [value];
  if (segment === '*')
    return Array.isArray(value) ? value.flatMap((item) => valuesAt(item, rest)) : [];
  return valuesAt(membersOf(value)?.get(segment), rest);
}
