// JSON bodies: RFC 8259 on strict UTF-8. What a request or an answer carries is checked here before anything
// looks at its shape.
//
// `JSON.parse` accepts the grammar of RFC 8259 and nothing else. A name that appears twice is allowed there and the
// last one wins, so nothing that is signed is ever JSON of this kind. A name such as `__proto__` becomes an ordinary
// own property; readers ask `Object.hasOwn`, never the prototype chain.

import { parseUtf8 } from './bytes.ts';
import { LogError } from './errors.ts';

/** The value in a JSON body, of unknown shape. LogError json-malformed; a byte order mark is refused too. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  const text = parseUtf8(bytes);
  if (text === undefined) throw new LogError('json-malformed', 'the body is not valid UTF-8');
  try {
    return JSON.parse(text);
  } catch {
    throw new LogError('json-malformed', 'the body is not valid JSON (RFC 8259)');
  }
}
