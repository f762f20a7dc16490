// Policies as statements: a JSON file becomes a signed policy change on the stream of a village.

import { readFile } from 'node:fs/promises';
import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseSignerKey, type SignerKey } from '@writ/core/formats/key';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { encodePayload } from '@writ/core/statements/kinds';
import { signStatement } from '@writ/core/statements/statement';

/** Where a statement stands in its stream. */
export interface Position {
  readonly stream: string;
  readonly seq: number;
  /** Id of the statement before; null at the start. */
  readonly previous: Uint8Array | null;
}

/** The private key of an author. LogError config-invalid or key-malformed. */
export async function readAuthorKey(path: string): Promise<SignerKey> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new LogError('config-invalid', `cannot read ${path}; run npm start first`, {}, error);
  });
  return parseSignerKey(text.trimEnd());
}

/** The Policy Spec in a JSON file, in its canonical spelling (RFC 8785). LogError json-malformed. */
export async function readPolicySpec(path: string): Promise<Uint8Array> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new LogError('config-invalid', `cannot read ${path}`, {}, error);
  });
  return utf8(formatCanonicalJson(parseJson(path, text)));
}

function parseJson(path: string, text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LogError('json-malformed', `${path} is not JSON`, { path }, error);
  }
}

/** The UUID of the policy `name` in a stream: the same name is the same policy (RFC 9562 version 8). */
export function policyId(stream: string, name: string): string {
  const bytes = sha256(concatBytes(utf8(stream), Uint8Array.of(0), utf8(name))).slice(0, 16);
  bytes[6] = 0x80 + ((bytes[6] ?? 0) % 0x10);
  bytes[8] = 0x80 + ((bytes[8] ?? 0) % 0x40);
  const hex = formatHex(bytes);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** One version of a policy. */
export interface PolicyVersion {
  readonly policy: string;
  readonly version: number;
  readonly spec: Uint8Array;
}

/** The signed statement that makes `change` the policy, at `position` and nowhere else. */
export function signPolicyChange(
  author: SignerKey,
  position: Position,
  change: PolicyVersion,
  issuedAtSeconds: number,
): Uint8Array {
  const { publicKey } = author;
  return signStatement(
    {
      kind: 'policy-change',
      issuer: author.name,
      ...position,
      issuedAtSeconds,
      payload: encodePayload({ kind: 'policy-change', ...change }),
    },
    { publicKey, sign: (message) => author.signRaw(message) },
  );
}
