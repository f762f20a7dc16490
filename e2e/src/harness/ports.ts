// Free ports for servers that are restarted on the same port.

import { createServer } from 'node:net';

/** Below the range that the kernel hands out for outgoing connections, or a client could take it meanwhile. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
const MAX_TRIES = 100;

/** A port on 127.0.0.1 that nobody listens on. `random` gives numbers from 0 to 1. */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(random() * PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
