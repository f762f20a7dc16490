// Free ports of the loopback interface.

import { createServer, type Server } from 'node:net';
import { bug } from '@writ/core/errors';

/** Everything here listens on it and nowhere else. */
export const HOST = '127.0.0.1';

/** `count` different ports that nobody listens on at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    // All open at once, so that no port is named twice.
    for (let i = 0; i < count; i++) servers.push(await listen(0));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

/** True when `port` can be listened on. Rejects with the system's error for any reason but a taken port. */
export async function isFreePort(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : bug('no address');
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
