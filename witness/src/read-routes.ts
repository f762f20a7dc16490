// Everything a witness answers besides add-checkpoint: the monitoring endpoint of C2SP tlog-witness
// (https://c2sp.org/tlog-witness@v1.0.0, "Monitor Retrieval Mechanism"), health and figures.

import { type Context, Hono } from 'hono';
import { type Answer, errorAnswer, textAnswer } from './answers.ts';
import type { Env } from './env.ts';
import type { Metrics } from './metrics.ts';
import type { Witness } from './witness.ts';

const ABOUT = `A transparency log witness: https://c2sp.org/tlog-witness

POST /add-checkpoint
GET  /<hex sha-256 of the origin>/checkpoint
GET  /metrics /livez /readyz

Keys:
`;

/** The routes for all requests but POST /add-checkpoint. */
export function createReadRoutes(witness: Witness, metrics: Metrics, env: Env): Hono {
  const app = new Hono();
  const get = (path: string, handler: (c: Context) => Answer | Promise<Answer>): void => {
    app.get(path, async (c) => toResponse(await handler(c)));
    app.all(path, () => toResponse(notAllowed('GET, HEAD')));
  };
  get('/', () => textAnswer(200, `${ABOUT}${witness.vkeys.join('\n')}\n`));
  get('/livez', () => textAnswer(200, 'ok\n'));
  get('/readyz', async () => {
    await witness.checkReady();
    return textAnswer(200, 'ok\n');
  });
  get('/metrics', async () =>
    textAnswer(200, await metrics.text(), { 'content-type': metrics.contentType }),
  );
  get('/:origin{[0-9a-f]{64}}/checkpoint', async (c) => {
    const note = await witness.latest(c.req.param('origin') ?? '');
    if (note === undefined) return textAnswer(404, 'no checkpoint of this log was cosigned\n');
    return textAnswer(200, new TextDecoder().decode(note), { 'cache-control': 'no-cache' });
  });
  app.all('/add-checkpoint', () => toResponse(notAllowed('POST')));
  app.notFound(() => toResponse(textAnswer(404, 'not found\n')));
  app.onError((error) => toResponse(errorAnswer(error, env.log)));
  return app;
}

function notAllowed(methods: string): Answer {
  return textAnswer(405, 'method not allowed\n', { allow: methods });
}

function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers: { ...headers } });
}
