// Requests of C2SP tlog-witness: the format alone.

import { MAX_UINT63, parseUtf8, utf8 } from '@writ/core/bytes';
import {
  type AddCheckpoint,
  formatAddCheckpoint,
  MAX_ADD_CHECKPOINT_BYTES,
  parseAddCheckpoint,
  parseConflictSize,
} from '@writ/core/formats/add-checkpoint';
import { MAX_NOTE_BYTES } from '@writ/core/formats/note';
import { MAX_PROOF_HASHES } from '@writ/core/merkle/inclusion';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal } from './mutants.ts';

const test = suite('add-checkpoint requests');
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const GOOD: AddCheckpoint = {
  oldSize: 13n,
  proof: [hash(1), hash(2)],
  checkpoint: utf8('log.example\n21\nroot\n\n— log.example AAAA\n'),
};

test('the lines stand as the specification says', () => {
  const text = parseUtf8(formatAddCheckpoint({ ...GOOD, proof: [hash(0)] }));
  assert.ok(text?.startsWith(`old 13\n${'A'.repeat(43)}=\n\nlog.example\n`));
});

test('any request reads back, the checkpoint verbatim', () => {
  const requests = fc.record(
    {
      oldSize: fc.bigInt(0n, MAX_UINT63),
      proof: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), {
        maxLength: MAX_PROOF_HASHES,
      }),
      checkpoint: fc.string({ unit: 'grapheme' }).map(utf8),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(requests, (request) =>
      assert.equal(parseAddCheckpoint(formatAddCheckpoint(request)), request),
    ),
  );
});

test('a mutant is refused or read exactly', () => {
  const format = {
    parse: parseAddCheckpoint,
    format: formatAddCheckpoint,
    codes: ['request-malformed'],
  } as const;
  assert.ok(checkMutants(formatAddCheckpoint(GOOD), format) > 0);
});

test('refusals name the line', () => {
  const good = parseUtf8(formatAddCheckpoint(GOOD)) ?? '';
  for (const [text, line] of [
    [good.replace('old 13', 'old 013'), 1],
    [good.replace('AgIC', 'AgI'), 3],
  ] as const) {
    assert.is(
      refusal(() => parseAddCheckpoint(utf8(text)), 'request-malformed').detail['line'],
      line,
    );
  }
});

test('the largest request that can be right fits into the limit', () => {
  const proof = Array.from({ length: MAX_PROOF_HASHES }, () => hash(1));
  const checkpoint = new Uint8Array(MAX_NOTE_BYTES);
  const body = formatAddCheckpoint({ oldSize: MAX_UINT63, proof, checkpoint });
  assert.ok(body.length <= MAX_ADD_CHECKPOINT_BYTES);
  const more = formatAddCheckpoint({ ...GOOD, proof: [...proof, hash(1)] });
  refusal(() => parseAddCheckpoint(more), 'request-malformed');
});

test('the size in a conflict is decimal and a newline', () => {
  assert.is(parseConflictSize('21\n'), 21n);
  assert.is(parseConflictSize(`${MAX_UINT63}\n`), MAX_UINT63);
  for (const body of [
    '',
    '\n',
    '21',
    '21\r\n',
    ' 21\n',
    '021\n',
    '21\n\n',
    '-1\n',
    `${MAX_UINT63 + 1n}\n`,
  ]) {
    assert.is(parseConflictSize(body), undefined, JSON.stringify(body));
  }
});

test.run();
