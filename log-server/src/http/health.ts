// Health: `/livez` says that the process answers, `/readyz` that the log does its work.

import type { AppDeps } from './deps.ts';
import { type Call, type Reply, textReply } from './reply.ts';

/** A checkpoint may be this many refresh intervals old before the log counts as not ready. */
const STALE_REFRESHES = 3;
const DEFAULT_REFRESH_MS = 600_000;

/** One named check; `why` says what is wrong. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly why: string;
}

/** Everything that makes the log ready. */
export function readinessChecks({ env, log, publisher, lifecycle }: AppDeps): Check[] {
  const { published, options } = publisher;
  const ageMs = published === undefined ? undefined : env.nowMs() - published.publishedAtMs;
  const oldestMs = STALE_REFRESHES * (options.refreshIntervalMs ?? DEFAULT_REFRESH_MS);
  return [
    { name: 'running', ok: !lifecycle.isStopping, why: 'the server is shutting down' },
    {
      name: 'accepting',
      ok: log.stoppedBecause === undefined && log.heldBecause === undefined,
      why: log.heldBecause ?? 'the log is stopped: see the server log',
    },
    { name: 'published', ok: published !== undefined, why: 'no checkpoint is published yet' },
    {
      name: 'fresh',
      ok: ageMs === undefined || ageMs <= oldestMs,
      why: 'the newest checkpoint is too old',
    },
    { name: 'quorum', ok: publisher.isQuorumMet, why: 'too few witnesses cosign' },
  ];
}

/** `GET /livez`. */
export function readLiveness(): Reply {
  return textReply('ok\n', { 'cache-control': 'no-store' });
}

/** `GET /readyz`: 200 or 503, with each check on a line when asked `?verbose`. */
export function readReadiness(deps: AppDeps, { query }: Call): Reply {
  const checks = readinessChecks(deps);
  const isReady = checks.every(({ ok }) => ok);
  const shown = query.has('verbose') ? checks : checks.filter(({ ok }) => !ok);
  const lines = shown.map(({ name, ok, why }) =>
    ok ? `[+] ${name}: ok\n` : `[-] ${name}: ${why}\n`,
  );
  const body = `${lines.join('')}${isReady ? 'ready' : 'not ready'}\n`;
  return {
    ...textReply(body, { 'cache-control': 'no-store', ...(isReady ? {} : { 'retry-after': '5' }) }),
    status: isReady ? 200 : 503,
  };
}
