// The HTTP server of a witness. POST /add-checkpoint is answered on node:http itself, which costs a third
// of what the router does and lets us refuse a body before reading it; the rest goes to read-routes.ts.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { concatBytes } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { MAX_ADD_CHECKPOINT_BYTES } from '@writ/core/formats/add-checkpoint';
import { type Answer, errorAnswer, textAnswer } from './answers.ts';
import type { Env } from './env.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createReadRoutes } from './read-routes.ts';
import type { Witness } from './witness.ts';

const MAX_CONNECTIONS = 1024;
/** Submissions being read or waiting; at the body limit they take 132 MB. */
const MAX_IN_FLIGHT = 256;
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
};

/** A server that is not listening yet. */
export function createWitnessServer(witness: Witness, env: Env): Server {
  const metrics = createMetrics();
  const submit = createSubmit(witness, metrics, env);
  const read = getRequestListener(createReadRoutes(witness, metrics, env).fetch);
  const server = createServer(LIMITS, (request, response) => {
    if (request.method === 'POST' && request.url === '/add-checkpoint')
      void submit(request, response);
    else void read(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

type Submit = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function createSubmit(witness: Witness, metrics: Metrics, env: Env): Submit {
  let inFlight = 0;
  return async (request, response) => {
    const startedMs = performance.now();
    let answer: Answer;
    inFlight++;
    try {
      if (inFlight > MAX_IN_FLIGHT)
        throw new LogError('overloaded', 'the witness has too many requests at once');
      answer = textAnswer(200, await witness.addCheckpoint(await readBody(request)));
    } catch (error) {
      answer = errorAnswer(error, env.log);
    } finally {
      inFlight--;
    }
    metrics.observe(answer.status, (performance.now() - startedMs) / 1000);
    // A body that was not read to its end would be taken for the next request.
    const closing = request.complete ? {} : { connection: 'close' };
    response.writeHead(answer.status, {
      ...answer.headers,
      'content-length': new TextEncoder().encode(answer.body).length,
      ...closing,
    });
    response.end(answer.body);
  };
}

/** The body. LogError body-too-large before the first byte where the length is declared. */
async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_ADD_CHECKPOINT_BYTES) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= MAX_ADD_CHECKPOINT_BYTES) chunks.push(chunk);
      else {
        request.pause().removeAllListeners('data');
        reject(tooLarge());
      }
    });
    request.on('end', () => resolve(concatBytes(...chunks)));
    const broken = (): void =>
      reject(new LogError('request-malformed', 'the body ended early', { line: 1 }));
    request.on('error', broken).on('close', broken); // after 'end' a rejection has no effect
  });
}

function tooLarge(): LogError {
  const limit = MAX_ADD_CHECKPOINT_BYTES;
  return new LogError('body-too-large', `the body is larger than ${limit} bytes`, { limit });
}
