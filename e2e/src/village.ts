// A village of one: whoever founds it writes and decides alone. A real one has more members (spec/villages.md).

import type { SignerKey } from '@writ/core/formats/key';
import { encodePayload } from '@writ/core/statements/kinds';
import type { Constitution, Rule } from '@writ/core/statements/kinds/constitution';
import { signStatement } from '@writ/core/statements/statement';

const ROLE = 'steward';
const DAY_SECONDS = 86_400;

const RULE: Rule = {
  authors: [ROLE],
  approvers: [ROLE],
  quorum: { kind: 'count', k: 1 },
  expiresAfterSeconds: 7 * DAY_SECONDS,
  notBefore: true,
};

function constitutionOf({ name, publicKey }: SignerKey): Constitution {
  return {
    members: [{ name, roles: [ROLE], weight: 1, keys: [publicKey] }],
    rules: { policy: RULE, constitution: RULE, members: RULE },
    limits: {
      statementsPerDay: 1000,
      proposalsOpen: 16,
      specBytes: 64_000,
      requestsPerMinute: 1_000_000,
    },
    quarantine: null,
    staleness: { mode: 'keep-last-good', maxSeconds: DAY_SECONDS },
    visibility: 'public',
    recordDenials: false,
  };
}

/** The first statement of `stream`, `village/NAME`, with which `founder` founds the village. */
export function signFounding(founder: SignerKey, stream: string, nowSeconds: number): Uint8Array {
  const name = stream.split('/').at(-1) ?? '';
  const payload = { kind: 'village-create', name, constitution: constitutionOf(founder) } as const;
  return signStatement(
    {
      kind: payload.kind,
      issuer: founder.name,
      stream,
      issuedAtSeconds: nowSeconds,
      seq: 0,
      previous: null,
      payload: encodePayload(payload),
    },
    { publicKey: founder.publicKey, sign: (message) => founder.signRaw(message) },
  );
}
