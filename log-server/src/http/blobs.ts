// Shared blobs: bytes that everybody may read who knows their digest, such as the files of packages. Authors of packages
// put them there, on requests that they sign.

import { parseHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Author } from '../admission/authors.ts';
import { MAX_BLOB_BYTES } from '../blobs/store.ts';
import { isSignedBy, keyIdOf, signatureOf } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { IMMUTABLE, matches } from './read.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import { BYTES } from './route-parts.ts';

/** Uploads at a time. */
const MAX_UPLOADS = 16;

/** `GET /blobs/sha256/{digest}`. */
export async function readBlob({ blobs }: AppDeps, { c }: Call): Promise<Reply> {
  const digest = digestOf(c.req.param('digest'));
  const etag = `"${c.req.param('digest')}"`;
  const headers = { 'cache-control': IMMUTABLE, etag };
  const isKnown = matches(c.req.header('if-none-match'), etag);
  // Who has it is not worth a look at all its bytes.
  if (isKnown && (await blobs?.shared.has(digest)) === true)
    return { status: 304, headers, body: null };
  const blob = await blobs?.shared.stream(digest);
  if (blob === undefined) throw new LogError('not-found', 'there is no blob with this digest');
  return { status: 200, headers: { ...headers, 'content-type': BYTES }, body: blob };
}

/** Takes blobs of one server, a few at a time. */
export class BlobUploads {
  #running = 0;

  /** `PUT /blobs/sha256/{digest}`: resolves when the blob is durable. To put it again changes nothing. */
  async put(deps: AppDeps, call: Call): Promise<Reply> {
    const { c } = call;
    const digest = digestOf(c.req.param('digest'));
    await requireUploader(deps, call);
    if (deps.blobs === undefined) throw new LogError('not-found', 'this log keeps no blobs');
    const declared = Number(c.req.header('content-length') ?? 0);
    if (declared > MAX_BLOB_BYTES) {
      const message = `a blob has at most ${MAX_BLOB_BYTES} bytes`;
      throw new LogError('body-too-large', message, { field: 'body', expected: MAX_BLOB_BYTES });
    }
    if (this.#running === MAX_UPLOADS)
      throw new LogError('overloaded', 'too many blobs are being sent: try again later', {
        field: 'body',
      });
    this.#running++;
    try {
      await deps.blobs.shared.write(digest, bodyOf(call));
    } finally {
      this.#running--;
    }
    return jsonReply({ digest: c.req.param('digest') });
  }
}

function digestOf(text = ''): Uint8Array {
  const digest = parseHex(text);
  if (digest?.length === 32) return digest;
  throw invalidRequest('digest', 'expected 64 lower-case hex digits');
}

/** The body as it arrives. LogError request-timeout when the client breaks off. */
async function* bodyOf({ c }: Call): AsyncGenerator<Uint8Array> {
  try {
    yield* c.env?.incoming ?? c.req.raw.body ?? [];
  } catch (error) {
    throw new LogError('request-timeout', 'the body breaks off', { field: 'body' }, error);
  }
}

/** The digest is in the path, so the signature covers the bytes too. LogError author-unknown, author-not-permitted. */
async function requireUploader(deps: AppDeps, call: Call): Promise<void> {
  const signature = signatureOf(deps, call);
  const author = signature === undefined ? undefined : deps.authors().get(keyIdOf(signature));
  const holds =
    signature !== undefined &&
    author !== undefined &&
    (await isSignedBy(author.verifier, signature));
  if (!holds)
    throw new LogError('author-unknown', 'signature: expected that of a key in the authors file', {
      field: 'body',
    });
  if (!writesPackages(author))
    throw new LogError('author-not-permitted', `${author.name} may not write to any package/`, {
      field: 'body',
      author: author.name,
    });
}

function writesPackages({ patterns }: Author): boolean {
  return patterns.some(
    (pattern) =>
      pattern.startsWith('package/') ||
      (pattern.endsWith('*') && 'package/'.startsWith(pattern.slice(0, -1))),
  );
}
