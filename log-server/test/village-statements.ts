// Statements of a small village: Ada administrates, Ben writes, Cid approves.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution, Member, Rule } from '@writ/core/statements/kinds/constitution';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import type { StreamMove } from '@writ/log-server/log/batch';

export const POLICY = '3f2a1b4c-1111-4222-8333-944455556666';

/** The key of a person, the same in every test. */
export function keyOf(name: string): Ed25519Signer {
  return new Ed25519Signer(sha256(concatBytes(utf8('village key '), utf8(name))));
}

function member(name: string, roles: readonly string[]): Member {
  return { name, roles, weight: 1, keys: [keyOf(name).publicKey] };
}

function rule(role: string, k: number): Rule {
  return {
    authors: [role],
    approvers: [role],
    quorum: { kind: 'count', k },
    expiresAfterSeconds: 3600,
    notBefore: false,
  };
}

/** A constitution whose policies need `approvals` of the authors. */
export function constitution(approvals = 1, recordDenials = false): Constitution {
  return {
    members: [member('ada', ['admin']), member('ben', ['author']), member('cid', ['author'])],
    rules: {
      policy: rule('author', approvals),
      constitution: rule('admin', 1),
      members: rule('admin', 1),
    },
    limits: {
      statementsPerDay: 1000,
      proposalsOpen: 4,
      specBytes: 4000,
      requestsPerMinute: 100_000,
    },
    quarantine: {
      approvers: ['author'],
      quorum: { kind: 'count', k: 1 },
      expiresAfterSeconds: 7200,
      proposalsOpen: 3,
      statementsPerDay: 10,
    },
    staleness: { mode: 'keep-last-good', maxSeconds: 86_400 },
    visibility: 'public',
    recordDenials,
  };
}

/** A policy of this version; other words make another spec. */
export function change(version: number, words = 'night'): Payload {
  const spec = utf8(formatCanonicalJson({ notes: `${words} ${version}` }));
  return { kind: 'policy-change', policy: POLICY, version, spec };
}

/** Where a statement goes: behind `head`, or first. */
export interface Head {
  readonly seq: number;
  readonly statementId: Uint8Array;
}

/** A statement of `who` behind `head` of `stream`. */
export function statementOf(
  stream: string,
  payload: Payload,
  who: string,
  head: Head | undefined,
): Uint8Array {
  return signStatement(
    {
      kind: payload.kind,
      issuer: who,
      stream,
      issuedAtSeconds: 1_790_000_000,
      seq: head === undefined ? 0 : head.seq + 1,
      previous: head?.statementId ?? null,
      payload: encodePayload(payload),
    },
    keyOf(who),
  );
}

/** What admission makes of a statement that is in order. */
export function moveOf(entry: Uint8Array): StreamMove {
  const statement = decodeStatement(entry);
  const { stream, seq, previous } = statement;
  return { stream, seq, previous, step: { statement, payload: decodePayload(statement) } };
}
