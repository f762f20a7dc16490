// The authors file: its grammar, and who may write where.

import { formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import { type Author, mayWrite, parseAuthors } from '@writ/log-server/admission/authors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seed } from './world.ts';

const test = suite('authors file');
const keyOf = (number: number): Uint8Array => new Ed25519Signer(seed(number)).publicKey;
const KEY = formatBase64(keyOf(1));
const OTHER = formatBase64(keyOf(2));

test('authors are found by the thumbprint of their key', () => {
  const text = `# who\n\nauthor alice ed25519 ${KEY} village/north audit/*\n\tauthor  bob\ted25519 ${OTHER} log\n`;
  const authors = parseAuthors(utf8(text));
  assert.equal(
    [...authors.values()].map(({ name, patterns }) => [name, patterns]),
    [
      ['alice', ['village/north', 'audit/*']],
      ['bob', ['log']],
    ],
  );
  assert.is(authors.get(formatHex(coseKeyThumbprint(keyOf(2))))?.name, 'bob');
  assert.is(parseAuthors(utf8('')).size, 0, 'an empty file lists nobody');
});

test('a pattern covers exactly what it says', () => {
  const author = (...patterns: string[]): Author => {
    const text = `author a ed25519 ${KEY} ${patterns.join(' ')}\n`;
    const [only] = parseAuthors(utf8(text)).values();
    if (only === undefined) throw new Error('no author');
    return only;
  };
  for (const [pattern, stream, expected] of [
    ['village/north', 'village/north', true],
    ['village/north', 'village/north-2', false],
    ['village/north', 'village/nort', false],
    ['village/*', 'village/north', true],
    ['village/*', 'villages/north', false],
    ['node/north/*', 'node/north/ups-1', true],
    ['node/north/*', 'node/north-2/ups-1', false],
    ['*', 'log', true],
    ['log', 'log', true],
    ['log', 'logs', false],
  ] as const) {
    assert.is(mayWrite(author(pattern), stream), expected, `${pattern} ${stream}`);
  }
});

const WEAK = formatBase64(new Uint8Array(32).with(0, 1));
const BAD: Readonly<Record<string, readonly [text: string, line: number, code?: string]>> = {
  'another keyword': [`# x\nwriter a ed25519 ${KEY} log\n`, 2],
  'no pattern': [`author a ed25519 ${KEY}\n`, 1],
  'another key type': [`author a ed448 ${KEY} log\n`, 1],
  'a name with a slash': [`author a/b ed25519 ${KEY} log\n`, 1],
  'a short key': [`author a ed25519 AAAA log\n`, 1],
  'a key with lax base64': [`author a ed25519 ${KEY.replace(/.=$/, 'Z=')} log\n`, 1],
  'a weak key': [`author a ed25519 ${WEAK} log\n`, 1, 'key-weak'],
  'the same key twice': [`author a ed25519 ${KEY} log\nauthor b ed25519 ${KEY} log\n`, 2],
  'the same name twice': [`author a ed25519 ${KEY} log\nauthor a ed25519 ${OTHER} log\n`, 2],
  'a pattern that is no stream': [`author a ed25519 ${KEY} villages/x\n`, 1],
  'an asterisk in the middle': [`author a ed25519 ${KEY} village/*/x\n`, 1],
  'no final newline': [`author a ed25519 ${KEY} log`, 1],
};

for (const [name, [text, line, code = 'config-invalid']] of Object.entries(BAD)) {
  test(`a file with ${name} is refused with the line`, () => {
    try {
      parseAuthors(utf8(text));
      assert.unreachable();
    } catch (error) {
      if (!isLogError(error)) throw error;
      assert.is(error.code, code);
      assert.is(error.detail['line'], line);
    }
  });
}

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => parseAuthors(Uint8Array.of(0xff, 0x0a)), /not valid UTF-8/);
});

test.run();
