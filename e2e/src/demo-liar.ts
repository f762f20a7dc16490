// The demo goes on: somebody between a second node and the log lies. The node refuses, says why, keeps the evidence and
// what it had.

import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { type Targets, writeConfig } from './demo-node.ts';
import type { VillageFiles } from './demo-village.ts';
import type { Home } from './home.ts';
import { HOST } from './ports.ts';
import { COMMANDS, type Outcome, runCommand } from './processes.ts';
import type { Story } from './story.ts';

const LIES = ['tampered', 'older', 'omitted'] as const;
type Lie = (typeof LIES)[number];

/** A proxy in front of the log. */
class Liar {
  lie: Lie | undefined;
  /** Keeps what the log answers now, to show it as news later. */
  isRecording = false;
  readonly #logUrl: string;
  readonly #server: Server;
  readonly #old = new Map<string, Uint8Array>();

  constructor(logUrl: string) {
    this.#logUrl = logUrl;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(
        ({ status, body }) => response.writeHead(status).end(body),
        () => response.writeHead(502).end(),
      );
    });
  }

  start(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, HOST, () => {
        const address = this.#server.address();
        resolve(`http://${HOST}:${typeof address === 'object' ? address?.port : 0}`);
      });
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer({ url = '/' }: IncomingMessage): Promise<{ status: number; body: Uint8Array }> {
    const isPage = url.includes('/follow?');
    const stream = url.split('?')[0] ?? '';
    const old = this.#old.get(stream);
    if (isPage && this.lie === 'older' && old !== undefined) return { status: 200, body: old };
    const asked = isPage && this.lie === 'omitted' ? withoutFirst(url) : url;
    const response = await fetch(`${this.#logUrl}${asked}`);
    const body = new Uint8Array(await response.arrayBuffer());
    if (isPage && this.isRecording) this.#old.set(stream, body);
    if (isPage && this.lie === 'tampered') flip(body);
    return { status: response.status, body };
  }
}

/** Leaves the first of the new statements out. */
function withoutFirst(url: string): string {
  return url.replace(/from=([0-9]+)/, (_, from: string) => `from=${Number(from) + 1}`);
}

/** Changes one letter of a policy. */
function flip(body: Uint8Array): void {
  const text = new TextDecoder('latin1').decode(body);
  const at = text.lastIndexOf('mains-lost');
  if (at >= 0) body[at] = 'M'.charCodeAt(0);
  else body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
}

/** What changes while the second node looks on. */
export interface Changes {
  /** A new version of a policy of its village. */
  readonly policy: () => Promise<void>;
  /** Something else in the log. */
  readonly elsewhere: () => Promise<void>;
}

/** A second node pulls honestly, then meets each lie. */
export async function refuseLies(
  story: Story,
  home: Home,
  files: VillageFiles,
  targets: Targets,
  logUrl: string,
  changes: Changes,
): Promise<void> {
  story.chapter('A second node is lied to on the way, and refuses');
  const liar = new Liar(logUrl);
  const url = await liar.start();
  const config = await writeConfig(home, files, targets, {
    logUrl: url,
    port: 1,
    folder: 'node-2',
  });
  const pull = (): Promise<Outcome> => runCommand(COMMANDS.node, ['pull', '--config', config]);
  const honest = async (what: string): Promise<void> => {
    const { exitCode, stdout, stderr } = await pull();
    story.check(exitCode === 0, `${what}: exit ${exitCode}`);
    story.quote(stdout || stderr);
  };
  const refused = async (lie: Lie, what: string): Promise<void> => {
    liar.lie = lie;
    const { exitCode, stdout, stderr } = await pull();
    liar.lie = undefined;
    const folders = await readdir(join(files.dir, 'node-2', 'evidence')).catch(() => []);
    story.check(exitCode !== 0 && folders.length > 0, `${what}: exit ${exitCode}, evidence kept`);
    story.quote(stdout || stderr);
  };
  try {
    await honest('writ-node pull through an honest proxy');
    liar.isRecording = true;
    await pull();
    liar.isRecording = false;
    await changes.elsewhere();
    await honest('the log grows elsewhere');
    await refused('older', 'an older answer of the log, each signature on it genuine');
    await changes.policy();
    await refused('tampered', 'a new version with one letter changed');
    await refused('omitted', 'the new version left out');
    await honest('honest again, and the node follows');
  } finally {
    await liar.stop();
  }
}
