// Targets that only write down what is done to them: against these a dry run shows whether it keeps its word
// (spec/drivers.md section 12).

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSshRecorder } from './ssh-recorder.ts';

export interface Recorder {
  /** Placeholder in a connection → what takes its place. */
  readonly values: ReadonlyMap<string, string>;
  /** Everything that was done so far and may have changed something. */
  readonly mutations: () => Promise<readonly string[]>;
  /** From now on the target takes connections and says nothing. */
  readonly stall: () => void;
  readonly close: () => Promise<void>;
}

/** HTTP methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One recorder of each kind: `{http}`, `{tcp}`, `{ssh}` with `{ssh.host_key}`, and `{folder}`. */
export async function openRecorders(): Promise<Recorder[]> {
  return Promise.all([
    openHttpRecorder(),
    openTcpRecorder(),
    openSshRecorder(),
    openFolderRecorder(),
  ]);
}

/** An HTTP server: every request with a method that is not safe is a mutation. It answers 200. */
async function openHttpRecorder(): Promise<Recorder> {
  const done: string[] = [];
  let isStalled = false;
  const server = createHttpServer((request, response) => {
    if (!SAFE_METHODS.has(request.method)) done.push(`${request.method} ${request.url}`);
    request.resume();
    if (!isStalled) response.end();
  });
  const port = await listen(server);
  return {
    values: new Map([['{http}', `http://127.0.0.1:${port}`]]),
    mutations: async () => [...done],
    stall: () => {
      isStalled = true;
    },
    close: async () => {
      server.closeAllConnections();
      await close(server);
    },
  };
}

/** A TCP server that says nothing: every byte that comes is a mutation, for lack of knowing better. */
async function openTcpRecorder(): Promise<Recorder> {
  const done: string[] = [];
  const sockets = new Set<{ destroy: () => void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => done.push(`${chunk.length} bytes over TCP`));
  });
  const port = await listen(server);
  return {
    values: new Map([['{tcp}', `127.0.0.1:${port}`]]),
    mutations: async () => [...done],
    stall: () => {},
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await close(server);
    },
  };
}

/** A folder: every file that appears, changes or goes is a mutation. */
async function openFolderRecorder(): Promise<Recorder> {
  const folder = await mkdtemp(join(tmpdir(), 'writ-driver-check-'));
  const seen: string[] = [];
  return {
    values: new Map([['{folder}', folder]]),
    mutations: async () => {
      const state = await stateOf(folder);
      if (state !== (seen.at(-1) ?? digestOf([]))) seen.push(state);
      return seen.map((digest) => `the folder became ${digest}`);
    },
    stall: () => {},
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function stateOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true });
  const lines = await Promise.all(
    entries.sort().map(async (path) => {
      const { size, mtimeMs } = await stat(join(folder, path));
      return `${path} ${size} ${mtimeMs}`;
    }),
  );
  return digestOf(lines);
}

function digestOf(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
}

/** Listens on loopback at a free port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return portOf(server.address());
}

/** The port in what `address()` of a server gives. RangeError where it does not listen on one. */
export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new RangeError('no port');
  return address.port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
