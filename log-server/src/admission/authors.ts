// The authors file: which keys may write to which streams, until villages bring their own rules.
//
//   # name        key type, public key in base64                                        streams
//   author alice  ed25519 0JQ1OqUNYBMl6IvDjoVDIIy2i1mFz8ZtNHgzLPXdYgk= village/north-grid audit/*
//
// A pattern is an exact stream id, or ends in "*" and then means every stream that starts with the rest.

import { formatHex, parseBase64, parseUtf8 } from '@writ/core/bytes';
import { Ed25519Verifier, isEd25519PublicKey } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';

/** Largest authors file. */
export const MAX_AUTHORS_BYTES: number = 4 * 1024 * 1024;
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const PREFIX_PATTERN = /^[a-zA-Z0-9_./-]{0,200}\*$/;

/** One author with the key that its statements are checked with. */
export interface Author {
  readonly name: string;
  readonly verifier: Ed25519Verifier;
  readonly patterns: readonly string[];
}

/** Authors by key id (`keyIdText` of the statement). */
export type Authors = ReadonlyMap<string, Author>;

/** The form of a key id that `Authors` is looked up with. */
export function keyIdText(keyId: Uint8Array): string {
  return formatHex(keyId);
}

/** True when a pattern of the author covers the stream. */
export function mayWrite(author: Author, stream: string): boolean {
  return author.patterns.some((pattern) =>
    pattern.endsWith('*') ? stream.startsWith(pattern.slice(0, -1)) : stream === pattern,
  );
}

/** Parses an authors file. LogError config-invalid or key-weak with the line. */
export function parseAuthors(bytes: Uint8Array): Authors {
  if (bytes.length > MAX_AUTHORS_BYTES)
    throw invalid(`an authors file has at most ${MAX_AUTHORS_BYTES} bytes`, 1);
  const text = parseUtf8(bytes);
  if (text === undefined) throw invalid('the file is not valid UTF-8', 1);
  const lines = text.split('\n');
  if (lines.at(-1) !== '') throw invalid('the last line does not end in a newline', lines.length);
  const authors = new Map<string, Author>();
  const names = new Set<string>();
  for (const [i, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    if (words.length === 0 || words[0]?.startsWith('#')) continue;
    const author = parseAuthor(words, i + 1);
    const id = keyIdText(coseKeyThumbprint(author.verifier.publicKey));
    if (names.has(author.name)) throw invalid(`the name ${author.name} is taken`, i + 1);
    if (authors.has(id)) throw invalid('this key is listed already', i + 1);
    names.add(author.name);
    authors.set(id, author);
  }
  return authors;
}

function parseAuthor(words: readonly string[], line: number): Author {
  const [keyword, name = '', keyType, keyText = '', ...patterns] = words;
  if (keyword !== 'author' || patterns.length === 0)
    throw invalid('expected: author <name> ed25519 <base64 key> <stream pattern>...', line);
  if (!NAME.test(name)) throw invalid('a name is 1 to 64 of a-z A-Z 0-9 _ -', line);
  if (keyType !== 'ed25519') throw invalid('the key type is ed25519', line);
  const key = parseBase64(keyText);
  if (key?.length !== 32) throw invalid('the key is not canonical base64 of 32 bytes', line);
  if (!isEd25519PublicKey(key)) {
    throw new LogError('key-weak', `line ${line}: the key is not a full-order point`, { line });
  }
  for (const pattern of patterns) {
    if (parseStreamId(pattern) === undefined && !PREFIX_PATTERN.test(pattern))
      throw invalid(`${JSON.stringify(pattern)} is neither a stream id nor a prefix with *`, line);
  }
  return { name, verifier: new Ed25519Verifier(key), patterns };
}

function invalid(message: string, line: number): LogError {
  return new LogError('config-invalid', `line ${line}: ${message}`, { line });
}
