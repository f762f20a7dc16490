// A private village on the server, for tests: Ada administrates, Ben and Cid write, Eve is a stranger with a key.

import { concatBytes, formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { sha256 } from '@writ/core/sha256';
import { encodePayload, openPayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { type SealedStatement, signSealed } from '@writ/core/statements/sealed';
import { signRequest } from '@writ/core/statements/signed-request';
import { decodeStatement } from '@writ/core/statements/statement';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { openMemoryBlobs } from '@writ/log-server/blobs/memory';
import type { Blobs } from '@writ/log-server/blobs/store';
import { createApp } from '@writ/log-server/http/app';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { LogStore } from '@writ/log-server/storage/port';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, post, SEQUENCE } from './app-world.ts';
import { constitution, type Head, keyOf } from './village-statements.ts';
import { ORIGIN } from './world.ts';

export const VILLAGE = 'village/north';

export interface PrivateVillage extends AppWorld {
  readonly blobs: Blobs;
  /** Seals at the head of the stream and submits, with the opening. */
  submit(payload: Payload, who: string, stream?: string): Promise<Response>;
  /** Asks as `who`, who signs with its key. */
  ask(path: string, who: string, init?: RequestInit): Promise<Response>;
  publish(): Promise<void>;
}

let salts = 0;

/** A sealed statement of `who` behind `head`, with a salt of its own. */
export function sealedOf(
  stream: string,
  payload: Payload,
  who: string,
  head: Head | undefined,
): SealedStatement {
  const fields = {
    kind: payload.kind,
    stream,
    seq: head === undefined ? 0 : head.seq + 1,
    previous: head?.statementId ?? null,
    payload: encodePayload(payload),
  };
  return signSealed(fields, sha256(utf8(`salt ${salts++}`)), keyOf(who));
}

/** Statement and opening in one body. */
export function bodyOf({ bytes, opening }: SealedStatement): Uint8Array {
  return concatBytes(bytes, opening);
}

/** The headers with which `who` signs a request. */
export function signed(
  who: string,
  method: string,
  path: string,
  nowMs = Date.now(),
): Record<string, string> {
  const [bare = '', query = ''] = path.split('?');
  const target = { method, path: bare, query, origin: ORIGIN };
  return { ...signRequest(target, Math.floor(nowMs / 1000), keyOf(who)) };
}

/** A log on which Ada may found villages, strangers write to inboxes, and Pat publishes packages. */
export async function makePrivateVillage(
  options: { store?: LogStore; blobs?: Blobs; law?: Partial<Constitution> } = {},
): Promise<PrivateVillage> {
  const { store = openMemoryStore(), blobs = openMemoryBlobs(), law = {} } = options;
  const world = appWorld('statements', { store, blobs });
  const line = (who: string, stream: string): string =>
    `author ${who} ed25519 ${formatBase64(keyOf(who).publicKey)} ${stream}\n`;
  const authors = parseAuthors(
    utf8(line('ada', 'village/*') + line('eve', 'inbox/*') + line('pat', 'package/*')),
  );
  const deps = { ...world.deps, authors: () => authors };
  const app = createApp(deps);
  const request: AppWorld['request'] = async (path, init) => app.request(path, init);
  const submit: PrivateVillage['submit'] = async (payload, who, stream = VILLAGE) => {
    const sealed = sealedOf(stream, payload, who, world.log.streamHead(stream));
    return request('/add', post(bodyOf(sealed), SEQUENCE));
  };
  const ask: PrivateVillage['ask'] = async (path, who, init = {}) =>
    request(path, { ...init, headers: signed(who, init.method ?? 'GET', path, world.env.nowMs()) });
  const publish = async (): Promise<void> => {
    await world.publisher.publishNow();
  };
  await world.publisher.publishNow('start');
  if (world.log.streamHead(VILLAGE) === undefined) {
    const founding = {
      kind: 'village-create',
      name: 'North',
      constitution: { ...constitution(), visibility: 'private', ...law },
    } as const;
    const founded = await submit(founding, 'ada');
    assert.is(founded.status, 200, await founded.clone().text());
    await publish();
  }
  return { ...world, deps, blobs, request, submit, ask, publish };
}

/** The JSON of an answer of 200. */
export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  assert.is(response.status, 200, await response.clone().text());
  return JSON.parse(await response.text());
}

/** All openings that the log keeps. */
export async function keptOpenings(
  village: PrivateVillage,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (let index = 0; index < village.log.head.size; index++) {
    const payload = openPayload(decodeStatement(village.log.readEntry(index)), undefined);
    if (payload.kind !== 'sealed') continue;
    const opening = await village.blobs.openings.read(payload.commitment);
    if (opening !== undefined) found.set(formatHex(payload.commitment), opening);
  }
  return found;
}

/** The entries of the log. */
export function entriesOf({ log }: PrivateVillage): { index: number; bytes: Uint8Array }[] {
  const { size } = log.head;
  return decodeBundle(log.store.readBundle(0, size), size).map((bytes, index) => ({
    index,
    bytes,
  }));
}
