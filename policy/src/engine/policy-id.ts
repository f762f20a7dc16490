// Which policy a name means: the same name in the same stream is the same policy (RFC 9562, version 8).

import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The UUID of policy `name` in `stream`; a UUID in lower case is its own. */
export function policyId(stream: string, name: string): string {
  if (UUID.test(name)) return name;
  const bytes = sha256(concatBytes(utf8(stream), Uint8Array.of(0), utf8(name))).slice(0, 16);
  bytes[6] = 0x80 + ((bytes[6] ?? 0) % 0x10);
  bytes[8] = 0x80 + ((bytes[8] ?? 0) % 0x40);
  return formatHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
