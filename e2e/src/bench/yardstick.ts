// Measures the yardstick of bare-server.ts with the same client and the same load.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runLoad } from './load.ts';
import type { RequestShape } from './load-client.ts';

/** Requests a second that bare node:http answers on this machine now. */
export async function bareRate(
  request: RequestShape,
  connections: number,
  requests: number,
): Promise<number> {
  const server = fork(fileURLToPath(new URL('./bare-server.js', import.meta.url)));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.once('message', (message) => resolve(Number(message)));
      server.once('exit', () => reject(new Error('the bare server ended')));
    });
    await runLoad({ port, connections, requests: Math.ceil(requests / 5), request });
    const { requests: done, seconds } = await runLoad({ port, connections, requests, request });
    return done / seconds;
  } finally {
    server.kill();
  }
}

/** For people: the rate as a share of the yardstick. */
export function describeShare(rate: number, bare: number): string {
  return `${Math.round(rate)}/s, bare node:http ${Math.round(bare)}/s in the same run: ${(rate / bare).toFixed(2)} of it`;
}
