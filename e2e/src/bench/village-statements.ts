// What the benchmarks of villages are made of: a village of three whose policies change with one statement, and the
// statements of its members in their order.

import { utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { leafHash } from '@writ/core/merkle/hash';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution, Rule } from '@writ/core/statements/kinds/constitution';
import { type StatementSigner, signStatement } from '@writ/core/statements/statement';

const NAMES = ['ada', 'ben', 'cid'] as const;
export const FOUNDER: Ed25519Signer = signerOf('ada');
const MEMBERS: readonly Ed25519Signer[] = NAMES.map(signerOf);
const POLICIES = 8;

function signerOf(name: string): Ed25519Signer {
  return new Ed25519Signer(sha256(utf8(`bench ${name}`)));
}

const RULE: Rule = {
  authors: ['author'],
  approvers: ['author'],
  quorum: { kind: 'count', k: 1 },
  expiresAfterSeconds: 86_400,
  notBefore: true,
};

const CONSTITUTION: Constitution = {
  members: NAMES.map((name, i) => ({
    name,
    roles: ['author'],
    weight: 1,
    keys: [(MEMBERS[i] ?? FOUNDER).publicKey],
  })),
  rules: { policy: RULE, constitution: RULE, members: RULE },
  limits: {
    statementsPerDay: 1_000_000,
    proposalsOpen: 16,
    specBytes: 1000,
    requestsPerMinute: 1_000_000,
  },
  quarantine: null,
  staleness: { mode: 'keep-last-good', maxSeconds: 86_400 },
  visibility: 'public',
  recordDenials: false,
};

/** The streams of one log, statement after statement. */
export class StatementAuthor {
  readonly #heads = new Map<string, { readonly seq: number; readonly id: Uint8Array }>();

  /** The next statement of `stream`. */
  sign(stream: string, payload: Payload, signer: StatementSigner): Uint8Array {
    const head = this.#heads.get(stream);
    const seq = head === undefined ? 0 : head.seq + 1;
    const bytes = signStatement(
      {
        kind: payload.kind,
        issuer: 'bench',
        stream,
        issuedAtSeconds: 1_790_000_000,
        seq,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
      },
      signer,
    );
    this.#heads.set(stream, { seq, id: leafHash(bytes) });
    return bytes;
  }

  /** The statement that founds a village. */
  found(village: string): Uint8Array {
    const payload = { kind: 'village-create', name: village, constitution: CONSTITUTION } as const;
    return this.sign(`village/${village}`, payload, FOUNDER);
  }

  /** A change of one of its policies, in turn, by one of its members: in force at once. */
  change(village: string): Uint8Array {
    const stream = `village/${village}`;
    const count = this.#heads.get(stream)?.seq ?? 0;
    const version = Math.floor(count / POLICIES) + 1;
    const policy = `00000000-0000-4000-8000-00000000000${count % POLICIES}`;
    const spec = utf8(formatCanonicalJson({ notes: `version ${version}`, text: 'x'.repeat(200) }));
    const payload = { kind: 'policy-change', policy, version, spec } as const;
    return this.sign(stream, payload, MEMBERS[count % MEMBERS.length] ?? FOUNDER);
  }

  /** The first statement of a stream of its own, with a signature that nobody ever checks. */
  filler(number: number): Uint8Array {
    const payload = { kind: 'note', text: `filler ${number}` } as const;
    return this.sign(`audit/filler-${number}`, payload, UNSIGNED);
  }
}

const UNSIGNED: StatementSigner = {
  publicKey: FOUNDER.publicKey,
  sign: () => new Uint8Array(64),
};
