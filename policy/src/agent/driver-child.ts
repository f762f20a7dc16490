// What runs in a driver process: takes requests from the pipe that it was born with, calls the driver, answers.
//
// One JSON text a line, in both directions (spec/drivers.md section 5). Imports nothing but Node and the wall; what it
// sends is believed by nobody, so it checks nothing that the other end has to check anyway.

import { Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { guardNetwork, guardProcess } from './driver-guard.ts';

/** File descriptor of the pipe; 0, 1 and 2 are no part of the protocol. */
const PIPE = 3;

type Members = { readonly [name: string]: unknown };
type Handler = (...args: readonly unknown[]) => unknown;

const pipe: Socket = new Socket({ fd: PIPE, readable: true, writable: true });
let connection: unknown;
let handlers: Members = {};
let text = '';

pipe.setEncoding('utf8');
pipe.on('data', (chunk) => {
  text += String(chunk);
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    void take(line);
  }
});
// The node is gone: nobody waits for an answer any more.
pipe.on('close', () => process.exit(0));
pipe.on('error', () => process.exit(0));

async function take(line: string): Promise<void> {
  const request = membersOf(JSON.parse(line));
  const id = request['id'];
  try {
    send({ id, result: (await run(request)) ?? null });
  } catch (error) {
    send({ id, error: describe(error) });
  }
}

async function run(request: Members): Promise<unknown> {
  if (request['op'] === 'start') return start(request);
  const handler = handlers[String(request['op'])];
  if (typeof handler !== 'function')
    throw Object.assign(new Error(`the driver has no ${String(request['op'])}`), {
      code: 'request-invalid',
    });
  const deadlineMs = Number(request['deadlineMs']);
  return Reflect.apply(asHandler(handler), undefined, [
    request['argument'],
    {
      connection,
      idempotencyKey: request['key'],
      nowMs: request['nowMs'],
      deadlineMs,
      signal: AbortSignal.timeout(deadlineMs),
    },
  ]);
}

async function start(request: Members): Promise<boolean> {
  const { network, entrypoint } = request;
  guardProcess();
  guardNetwork(Array.isArray(network) ? network.map(String) : []);
  connection = request['connection'];
  const module = membersOf(await import(pathToFileURL(String(entrypoint)).href));
  handlers = membersOf(module['driver']);
  return true;
}

function asHandler(value: unknown): Handler {
  if (typeof value !== 'function') throw new TypeError('not a function');
  return (...args) => Reflect.apply(value, handlers, args);
}

function send(message: Members): void {
  pipe.write(`${JSON.stringify(message)}\n`);
}

function describe(error: unknown): Members {
  const members = membersOf(error);
  const message = members['message'];
  const code = members['code'];
  return {
    code: typeof code === 'string' ? code : 'driver-failed',
    message: String(typeof message === 'string' ? message : error).slice(0, 2000),
  };
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}
