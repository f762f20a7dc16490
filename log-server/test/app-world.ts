// The HTTP application over a world of world.ts, called without a socket.

import { utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { createApp } from '@writ/log-server/http/app';
import type { AppDeps, Profile } from '@writ/log-server/http/deps';
import { createMetrics, watchLog } from '@writ/log-server/http/metrics';
import { AUTHORS_TEXT, addEntries, makeWorld, type World, type WorldOptions } from './world.ts';

export interface AppWorld extends World {
  readonly deps: AppDeps;
  /** Sends a request; the path may have a query. */
  request(path: string, init?: RequestInit): Promise<Response>;
}

export function appWorld(profile: Profile, options: WorldOptions = {}): AppWorld {
  const world = makeWorld({ hasLedger: profile === 'statements', ...options });
  const { env, log, publisher, policyText } = world;
  const metrics = createMetrics('0.0.0-test');
  watchLog(metrics, log, publisher, env.nowMs);
  const authors = parseAuthors(utf8(AUTHORS_TEXT));
  const deps: AppDeps = {
    env,
    log,
    blobs: options.blobs,
    publisher,
    metrics,
    profile,
    authors: () => authors,
    policy: parsePolicy(utf8(policyText)),
    policyText,
    lifecycle: { isStopping: false },
    softwareVersion: '0.0.0-test',
  };
  const app = createApp(deps);
  return { ...world, deps, request: async (path, init) => app.request(path, init) };
}

/** A POST of bytes. */
export function post(body: Uint8Array | string, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body: typeof body === 'string' ? body : new Uint8Array(body), headers };
}

export const COSE: Readonly<Record<string, string>> = { 'content-type': 'application/cose' };
export const SEQUENCE: Readonly<Record<string, string>> = {
  'content-type': 'application/cbor-seq',
};

/** The last part of the `type` of a problem document. */
export async function problemCode(response: Response): Promise<string> {
  if (response.headers.get('content-type') !== 'application/problem+json') return 'no problem';
  const { type, status }: { type: string; status: number } = JSON.parse(await response.text());
  return status === response.status ? type.replace('urn:writ:error:', '') : `status ${status}`;
}

/** A log of `published` published and a few more durable entries. */
export async function logOf(published: number, more = 0): Promise<AppWorld> {
  const world = appWorld('raw');
  if (published > 0) await addEntries(world.log, published);
  await world.publisher.publishNow('start');
  if (more > 0) await addEntries(world.log, more);
  return world;
}

export async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}
