// What provokes the answers of routes that need a store of blobs, for openapi.test.ts.

import { formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { createApp } from '@writ/log-server/http/app';
import { makePrivateVillage, signed } from './private-world.ts';

type Provoke = () => Promise<Response>;

export const OPENINGS = '/villages/north/openings/';

/** A member asks for the opening of a statement. */
export const readOpening: Provoke = async () => {
  const village = await makePrivateVillage();
  const id = village.log.streamHead('village/north')?.statementId ?? new Uint8Array(32);
  return village.ask(`${OPENINGS}${formatHex(id)}`, 'ben');
};

const BLOB = utf8('a blob');
const BLOB_PATH = `/blobs/sha256/${formatHex(sha256(BLOB))}`;

/** Puts a blob, as `who`; `fails` is the code with which the store does. */
function putBlob(who = 'pat', path = BLOB_PATH, failure?: LogError['code']): Provoke {
  return async () => {
    const village = await makePrivateVillage();
    if (failure !== undefined)
      Object.assign(village.blobs.shared, {
        write: async () => {
          throw new LogError(failure, 'provoked');
        },
      });
    return village.ask(path, who, { method: 'PUT', body: new Uint8Array(BLOB) });
  };
}

const readBlob =
  (headers: Record<string, string> = {}, path = BLOB_PATH): Provoke =>
  async () => {
    const { request, blobs } = await makePrivateVillage();
    await blobs.shared.write(sha256(BLOB), [BLOB]);
    return request(path, { headers });
  };

/** What provokes each answer about shared blobs, by operation and status. */
export const BLOB_ANSWERS: Readonly<Record<string, Provoke>> = {
  'blob 200': readBlob(),
  'blob 304': readBlob({ 'if-none-match': '*' }),
  'blob 400': readBlob({}, '/blobs/sha256/x'),
  'blob 404': async () => (await makePrivateVillage()).request(BLOB_PATH),
  'blob 500': async () => {
    const { request, blobs } = await makePrivateVillage();
    Object.assign(blobs.shared, {
      stream: async () => {
        throw new LogError('storage-corrupt', 'provoked');
      },
    });
    return request(BLOB_PATH);
  },
  'putBlob 200': putBlob(),
  'putBlob 400': putBlob('pat', `/blobs/sha256/${formatHex(sha256(utf8('another blob')))}`),
  'putBlob 403': putBlob('eve'),
  'putBlob 404': putBlobWithoutStore(),
  'putBlob 408': putBlob('pat', BLOB_PATH, 'request-timeout'),
  'putBlob 413': putBlob('pat', BLOB_PATH, 'body-too-large'),
  'putBlob 500': putBlob('pat', BLOB_PATH, 'storage-failed'),
  'putBlob 503': putBlob('pat', BLOB_PATH, 'overloaded'),
  'putBlob 507': putBlob('pat', BLOB_PATH, 'storage-full'),
};

function putBlobWithoutStore(): Provoke {
  return async () => {
    const { deps } = await makePrivateVillage();
    const headers = signed('pat', 'PUT', BLOB_PATH);
    const init = { method: 'PUT', body: new Uint8Array(BLOB), headers };
    return createApp({ ...deps, blobs: undefined }).request(BLOB_PATH, init);
  };
}
