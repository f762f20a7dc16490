// Runs `writ` in a folder of its own, without a network.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@writ/cli/run';
import type { Surroundings } from '@writ/cli/surroundings';

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Answers requests in place of a log. */
export type Answers = (url: string, init: RequestInit | undefined) => Promise<Response>;

export interface Folder {
  readonly dir: string;
  path(name: string): string;
  /** Requests that were made. */
  readonly asked: string[];
  answers: Answers;
  env: Record<string, string>;
  writ(...argv: string[]): Promise<Ran>;
  remove(): Promise<void>;
}

export async function makeFolder(): Promise<Folder> {
  const dir = await mkdtemp(join(tmpdir(), 'writ-cli-'));
  const folder: Folder = {
    dir,
    asked: [],
    env: { HOME: dir },
    answers: async () => {
      throw new TypeError('fetch failed');
    },
    path: (name) => join(dir, name),
    writ: (...argv) => runIn(folder, argv),
    remove: () => rm(dir, { recursive: true }),
  };
  return folder;
}

/** A clock that stands, bytes that are not random, and no network. */
export function surroundings(): Surroundings {
  let next = 0;
  return {
    nowSeconds: () => 1_795_000_000,
    random: (length) => new Uint8Array(length).fill(++next),
    fetch: async () => {
      throw new TypeError('fetch failed');
    },
    sleep: async () => {},
    timeout: (ms) => AbortSignal.timeout(ms),
    env: {},
  };
}

async function runIn(folder: Folder, argv: readonly string[]): Promise<Ran> {
  let [out, err] = ['', ''];
  const world: Surroundings = {
    ...surroundings(),
    fetch: (input, init) => {
      folder.asked.push(String(input));
      return folder.answers(String(input), init);
    },
    env: folder.env,
  };
  const terminal = {
    result: (text: string) => {
      out += text;
    },
    talk: (text: string) => {
      err += text;
    },
  };
  const exit = await run(argv, world, terminal, '1.2.3');
  return { exit, out, err };
}
