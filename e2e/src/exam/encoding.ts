// Exam operations on keys, CBOR and JSON.

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { verifyEd25519 } from '@writ/core/ed25519';
import { parseJsonBody } from '@writ/core/json';
import { Mldsa44Signer, verifyMldsa44 } from '@writ/core/mldsa44';
import { typedCbor } from '../vectors/typed-cbor.ts';
import { type Answer, type Operation, type Question, verdict } from './question.ts';

export const ENCODING_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  [
    'ed25519',
    verdict((q) => verifyEd25519(q.hex('message'), q.hex('signature'), q.hex('public_key'))),
  ],
  [
    'mldsa44',
    verdict((q) =>
      verifyMldsa44(q.hex('message'), q.hex('signature'), q.hex('public_key'), q.hex('context')),
    ),
  ],
  [
    'mldsa44_keygen',
    (q) => ({ public_key: formatHex(new Mldsa44Signer(q.hex('seed')).publicKey) }),
  ],
  ['cbor', readCbor],
  ['json_body', verdict((q) => parseJsonBody(q.base64('body')) !== undefined)],
]);

function readCbor(question: Question): Answer {
  const value = decodeCbor(question.hex('hex'));
  return { ok: true, value: typedCbor(value), reencoded: formatHex(encodeCbor(value)) };
}
