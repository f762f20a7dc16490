// What a logged statement says, for people: spec/statement.md.

import { formatHex } from '@writ/core/bytes';
import type { Ed25519Verifier } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { decodePayload, type Payload } from '@writ/core/statements/kinds';
import {
  checkStatementSignature,
  decodeStatement,
  type Statement,
} from '@writ/core/statements/statement';
import type { VerifiedEntry } from '../entry.ts';
import { step, type Trace } from '../trace.ts';

/** Decodes the statement of an entry; with `verifier`, also checks its author's signature. */
export function openStatement(
  entry: VerifiedEntry,
  verifier: Ed25519Verifier | undefined,
  trace: Trace,
): Statement {
  const statement = step(
    trace,
    'statement format',
    () => decodeStatement(entry.bytes),
    ({ kind, stream }) => ({ why: 'the entry is a statement', got: `${kind} on ${stream}` }),
  );
  if (verifier !== undefined) {
    step(
      trace,
      'author signature',
      () => checkStatementSignature(statement, verifier),
      () => ({ why: 'the key given as the author signed it', got: formatHex(statement.keyId) }),
    );
  }
  return statement;
}

/** The fields of a statement by name; `opened`: what is behind its seal, where the opening is at hand. */
export function statementFacts(statement: Statement, opened?: Payload): Record<string, unknown> {
  const isOpened = opened !== undefined && opened.kind !== statement.kind;
  return {
    id: formatHex(statement.id),
    kind: statement.kind,
    issuer: statement.issuer,
    stream: statement.stream,
    seq: String(statement.seq),
    previous: statement.previous === null ? null : formatHex(statement.previous),
    issuedAtSeconds: String(statement.issuedAtSeconds),
    keyId: formatHex(statement.keyId),
    payload: payloadFacts(statement),
    ...(isOpened ? { opened: readable(opened) } : {}),
  };
}

/** The payload of a known kind; of another one, how many bytes it has. */
function payloadFacts(statement: Statement): unknown {
  try {
    return readable(decodePayload(statement));
  } catch (error) {
    if (!isLogError(error)) throw error;
    return { bytes: String(statement.payload.length), unreadable: error.message };
  }
}

/** Canonical JSON as text, other bytes in hex, lists and maps as JSON has them. */
function readable(value: unknown, name = ''): unknown {
  if (value instanceof Uint8Array)
    return name === 'spec' ? new TextDecoder().decode(value) : formatHex(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [String(key), readable(item, String(key))]),
  );
}
