// Signed requests (RFC 9421, spec/private-villages.md section 6).

import { formatHex, utf8 } from '@writ/core/bytes';
import { verifyEd25519 } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import {
  MAX_REQUEST_AGE_SECONDS,
  type RequestTarget,
  readRequestSignature,
  signRequest,
} from '@writ/core/statements/signed-request';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyOf, START } from './village-world.ts';

const test = suite('signed requests');
const BEN = keyOf('ben');
const TARGET: RequestTarget = {
  method: 'GET',
  path: '/villages/north-grid/policy/updates',
  query: 'since=3&limit=10',
  origin: 'log.example/one',
};

type Headers = ReturnType<typeof signRequest>;
const HEADERS = signRequest(TARGET, START, BEN);

/** Whether the signature reads and verifies, or the code of the error. */
function verdict(headers: Headers, target = TARGET, nowSeconds = START): string {
  const { 'signature-input': input, signature } = headers;
  try {
    const read = readRequestSignature({ input, signature }, target, nowSeconds);
    if (read === undefined) return 'unsigned';
    return verifyEd25519(read.signedBytes, read.signature, BEN.publicKey) ? 'holds' : 'forged';
  } catch (error) {
    return isLogError(error, 'request-invalid') ? String(error.detail['field']) : String(error);
  }
}

test('the signature base is that of RFC 9421', () => {
  const keyId = formatHex(coseKeyThumbprint(BEN.publicKey));
  const tag = formatHex(sha256(utf8(TARGET.origin)));
  const parameters = `("@method" "@path" "@query");created=${START};keyid="${keyId}";alg="ed25519";tag="${tag}"`;
  assert.is(HEADERS['signature-input'], `writ=${parameters}`);
  const { 'signature-input': input, signature } = HEADERS;
  const read = readRequestSignature({ input, signature }, TARGET, START);
  const base =
    '"@method": GET\n"@path": /villages/north-grid/policy/updates\n"@query": ?since=3&limit=10\n' +
    `"@signature-params": ${parameters}`;
  assert.is(formatHex(read?.signedBytes ?? new Uint8Array(0)), formatHex(utf8(base)));
  assert.is(formatHex(read?.keyId ?? new Uint8Array(0)), keyId);
});

test('a signature holds for its method, path, query and log alone', () => {
  assert.is(verdict(HEADERS), 'holds');
  assert.is(verdict(HEADERS, { ...TARGET, method: 'PUT' }), 'forged');
  assert.is(verdict(HEADERS, { ...TARGET, path: '/villages/south/policy/updates' }), 'forged');
  assert.is(verdict(HEADERS, { ...TARGET, query: 'since=3&limit=100' }), 'forged');
  assert.is(verdict(HEADERS, { ...TARGET, origin: 'log.example/two' }), 'signature-input');
  const bare = { ...TARGET, query: '' };
  assert.is(verdict(signRequest(bare, START, BEN), bare), 'holds');
});

test('a signature holds for five minutes around its time', () => {
  const late = MAX_REQUEST_AGE_SECONDS;
  assert.is(verdict(HEADERS, TARGET, START + late), 'holds');
  assert.is(verdict(HEADERS, TARGET, START - late), 'holds');
  assert.is(verdict(HEADERS, TARGET, START + late + 1), 'signature-input');
  assert.is(verdict(HEADERS, TARGET, START - late - 1), 'signature-input');
});

test('headers have one spelling', () => {
  const input = HEADERS['signature-input'];
  const { signature } = HEADERS;
  const inputs = [
    '',
    input.replace('writ=', 'sig1='),
    input.replace('"@method" ', ''),
    input.replace('created=', 'created=0'),
    input.replace('ed25519', 'hmac-sha256'),
    input.replace(/;tag=.*/, ''),
    `${input};expires=9999999999`,
    `${input}, other=()`,
    input.replaceAll(/[0-9a-f]{64}/g, (hex) => hex.toUpperCase()),
    ` ${input}`,
  ];
  for (const text of inputs)
    assert.is(verdict({ 'signature-input': text, signature }), 'signature-input', text);
  const signatures = ['', signature.slice(0, -1), signature.replace('==', ''), `${signature} `];
  for (const text of signatures)
    assert.is(verdict({ 'signature-input': input, signature: text }), 'signature', text);
  assert.is(
    readRequestSignature({ input: undefined, signature: undefined }, TARGET, START),
    undefined,
  );
});

test('no request that cannot be sent is signed', () => {
  for (const fields of [{ method: 'get' }, { path: 'x' }, { path: '/a?b' }, { query: 'ä' }])
    assert.throws(() => signRequest({ ...TARGET, ...fields }, START, BEN), RangeError);
  assert.throws(() => signRequest(TARGET, START + 0.5, BEN), RangeError);
});

test.run();
