// Requests that a member or an author signs with its statement key: HTTP Message Signatures (RFC 9421) in the one form
// that Writ speaks (spec/private-villages.md section 6).
//
//   Signature-Input: writ=("@method" "@path" "@query");created=1795190400;keyid="<64 hex>";alg="ed25519";tag="<64 hex>"
//   Signature: writ=:<base64 of 64 bytes>:

import {
  formatBase64,
  formatHex,
  parseBase64,
  parseHex,
  parseSafeDecimal,
  utf8,
} from '../bytes.ts';
import { ED25519_SIGNATURE_SIZE } from '../ed25519.ts';
import { LogError } from '../errors.ts';
import { sha256 } from '../sha256.ts';
import type { StatementSigner } from './statement.ts';
import { coseKeyThumbprint } from './thumbprint.ts';

/** How far the time of a signature may be from the clock of the log, in either direction. */
export const MAX_REQUEST_AGE_SECONDS = 300;

const COMPONENTS = '("@method" "@path" "@query")';
const INPUT =
  /^writ=\("@method" "@path" "@query"\);created=(\d{1,12});keyid="([0-9a-f]{64})";alg="ed25519";tag="([0-9a-f]{64})"$/;
const SIGNATURE = /^writ=:([A-Za-z0-9+/]{86}==):$/;

/** What is asked of whom. */
export interface RequestTarget {
  /** In upper case. */
  readonly method: string;
  /** Path below the address of the log, from its first slash on, as it is sent. */
  readonly path: string;
  /** What stands behind the question mark, as it is sent; empty where there is none. */
  readonly query: string;
  /** Origin of the log: a signature for one log means nothing to another. */
  readonly origin: string;
}

/** A signature that is well formed and in time. Whose it is, and whether it holds, is the caller's to check. */
export interface RequestSignature {
  /** Key id: COSE Key thumbprint of the key. */
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
  readonly signedBytes: Uint8Array;
}

/** Signs a request; answers the two headers to send with it. Throws RangeError for a target that no request has. */
export function signRequest(
  target: RequestTarget,
  createdSeconds: number,
  signer: StatementSigner,
): { readonly 'signature-input': string; readonly signature: string } {
  if (!/^[A-Z]+$/.test(target.method)) throw new RangeError('method must be in upper case');
  if (!/^\/[!-~]*$/.test(target.path) || /[?#]/.test(target.path))
    throw new RangeError('path must begin with a slash and end before the query');
  if (!/^[!-~]*$/.test(target.query)) throw new RangeError('query must be as it is sent');
  const keyId = formatHex(coseKeyThumbprint(signer.publicKey));
  const parameters = parametersOf(String(createdSeconds), keyId, tagOf(target.origin));
  if (!INPUT.test(`writ=${parameters}`)) throw new RangeError('createdSeconds must be a time');
  const signature = signer.sign(baseOf(target, parameters));
  return {
    'signature-input': `writ=${parameters}`,
    signature: `writ=:${formatBase64(signature)}:`,
  };
}

/**
 * Reads the headers of a request; undefined when it has neither. LogError request-invalid for headers of another form,
 * for another log, or more than 300 s away from `nowSeconds`. All of that is said without a look at what is asked for.
 */
export function readRequestSignature(
  headers: { readonly input: string | undefined; readonly signature: string | undefined },
  target: RequestTarget,
  nowSeconds: number,
): RequestSignature | undefined {
  const { input, signature } = headers;
  if (input === undefined && signature === undefined) return undefined;
  const [, created = '', keyId = '', tag] = INPUT.exec(input ?? '') ?? [];
  const createdSeconds = parseSafeDecimal(created);
  if (createdSeconds === undefined)
    throw invalid('signature-input', `expected writ=${COMPONENTS};created=…;keyid=…;alg=…;tag=…`);
  const [, base64 = ''] = SIGNATURE.exec(signature ?? '') ?? [];
  const bytes = parseBase64(base64);
  if (bytes?.length !== ED25519_SIGNATURE_SIZE)
    throw invalid('signature', 'expected writ=:<base64 of 64 bytes>:');
  if (tag !== tagOf(target.origin))
    throw invalid('signature-input', 'the tag is not the digest of the origin of this log');
  if (Math.abs(nowSeconds - createdSeconds) > MAX_REQUEST_AGE_SECONDS) {
    const message = `created is more than ${MAX_REQUEST_AGE_SECONDS} s away from the clock of the log`;
    throw invalid('signature-input', `${message}: set the clock and sign again`);
  }
  return {
    keyId: parseHex(keyId) ?? new Uint8Array(32),
    signature: bytes,
    signedBytes: baseOf(target, parametersOf(created, keyId, tag)),
  };
}

// RFC 9421 section 2.5. A query that is absent or empty is a lone question mark (section 2.2.7).
function baseOf({ method, path, query }: RequestTarget, parameters: string): Uint8Array {
  const lines = [
    `"@method": ${method}`,
    `"@path": ${path}`,
    `"@query": ?${query}`,
    `"@signature-params": ${parameters}`,
  ];
  return utf8(lines.join('\n'));
}

function parametersOf(created: string, keyId: string, tag: string): string {
  return `${COMPONENTS};created=${created};keyid="${keyId}";alg="ed25519";tag="${tag}"`;
}

function tagOf(origin: string): string {
  return formatHex(sha256(utf8(origin)));
}

function invalid(field: string, message: string): LogError {
  return new LogError('request-invalid', `${field}: ${message}`, { field });
}
