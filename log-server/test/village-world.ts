// A village on the server, for tests: a log whose ledger is on, authors who may found villages, ways to ask.

import { formatBase64, utf8 } from '@writ/core/bytes';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { createApp } from '@writ/log-server/http/app';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { LogStore } from '@writ/log-server/storage/port';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, COSE, post } from './app-world.ts';
import { change, constitution, keyOf, statementOf } from './village-statements.ts';

export const VILLAGE = 'village/north';

export interface Village extends AppWorld {
  /** Submits a statement at the head of its stream. */
  submit(
    payload: Parameters<typeof statementOf>[1],
    who: string,
    stream?: string,
  ): Promise<Response>;
  publish(): Promise<void>;
}

/** A log whose wall clock can be moved while its steady clock goes on; `next` is a statement that it would take. */
export function appWorldWithSteadyClock(store: LogStore): AppWorld & { readonly next: Uint8Array } {
  const steadyMs = Date.now() - performance.now();
  const world = appWorld('statements', { store, monotonicMs: () => performance.now() + steadyMs });
  const head = world.log.streamHead(VILLAGE);
  return { ...world, next: statementOf(VILLAGE, change(1), 'ben', head) };
}

/** A log on which Ada may found villages and strangers may write to inboxes. */
export async function makeVillage(
  store: LogStore = openMemoryStore(),
  approvals = 1,
  recordDenials = false,
): Promise<Village> {
  const world = appWorld('statements', { store });
  const line = (who: string, stream: string): string =>
    `author ${who} ed25519 ${formatBase64(keyOf(who).publicKey)} ${stream}\n`;
  const authors = parseAuthors(utf8(line('ada', 'village/*') + line('eve', 'inbox/*')));
  const deps = { ...world.deps, authors: () => authors };
  const app = createApp(deps);
  const request: AppWorld['request'] = async (path, init) => app.request(path, init);
  const submit: Village['submit'] = async (payload, who, stream = VILLAGE) => {
    const head = world.log.streamHead(stream);
    return request('/add', post(statementOf(stream, payload, who, head), COSE));
  };
  const publish = async (): Promise<void> => {
    await world.publisher.publishNow();
  };
  await world.publisher.publishNow('start');
  if (world.log.streamHead(VILLAGE) === undefined) {
    const founded = await submit(
      {
        kind: 'village-create',
        name: 'North',
        constitution: constitution(approvals, recordDenials),
      },
      'ada',
    );
    assert.is(founded.status, 200, await founded.clone().text());
  }
  return { ...world, deps, request, submit, publish };
}

export async function proofOf(world: Village, path: string): Promise<Uint8Array> {
  const response = await world.request(path);
  assert.is(response.status, 200, await response.clone().text());
  return new Uint8Array(await response.arrayBuffer());
}

export async function jsonOf(world: Village, path: string): Promise<Record<string, unknown>> {
  const response = await world.request(path);
  assert.is(response.status, 200, await response.clone().text());
  const body: Record<string, unknown> = JSON.parse(await response.text());
  return body;
}

export async function refusalOf(response: Response): Promise<string> {
  const body: { refusal?: string; type: string } = JSON.parse(await response.text());
  return body.refusal ?? body.type;
}
