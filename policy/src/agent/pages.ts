// Pages of streams as the verifier wants them: in clear to everybody, and with the openings of a private village for
// those who can sign for them.

import { formatHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import { commitmentOf } from '@writ/core/statements/sealed';
import { decodeStatement } from '@writ/core/statements/statement';
import { decodeFollowPage, type FollowPage } from '@writ/core/streams/follow-page';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import type { LogClient } from './log-client.ts';
import type { FetchPage } from './read-village.ts';

/**
 * Fetches pages of `log`. Requests carry a signature of `key` only from the first page on that cannot be judged without:
 * who reads a public village is nobody's business.
 */
export function pageFetcher(
  log: LogClient,
  origin: string | undefined,
  key: () => Promise<SignerKey | undefined>,
): FetchPage {
  let reader: SignerKey | undefined;
  return async (want) => {
    if (reader !== undefined && origin !== undefined)
      return log.page(want, { key: reader, origin });
    const page = await log.page(want);
    if (origin === undefined || !isSealed(page)) return page;
    reader = await key();
    return reader === undefined ? page : log.page(want, { key: reader, origin });
  };
}

// Nothing is verified here: this decides which request is made, and no more.
function isSealed(bytes: Uint8Array): boolean {
  const page = pageOf(bytes);
  if (page === undefined || page.openings.length > 0) return false;
  try {
    const [entry] = decodeStreamProof(page.streamProof).entries;
    return entry !== undefined && decodeStatement(entry).kind === 'sealed';
  } catch (error) {
    if (isLogError(error)) return false;
    throw error;
  }
}

function pageOf(bytes: Uint8Array): FollowPage | undefined {
  try {
    return decodeFollowPage(bytes);
  } catch (error) {
    if (isLogError(error)) return undefined;
    throw error;
  }
}

/** The openings on pages, by the commitment in hexadecimal of the statement that each is for. */
export function openingsOn(pages: Iterable<Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const openings = new Map<string, Uint8Array>();
  for (const bytes of pages) {
    for (const opening of pageOf(bytes)?.openings ?? [])
      openings.set(formatHex(commitmentOf(opening)), opening);
  }
  return openings;
}
