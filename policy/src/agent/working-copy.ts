// The policies in force as files, for programs and people that read files. They follow from the store; what
// somebody changes in them is drift.
//
//   <dir>/<village>/current -> 41-0a1b2c3d4e5f6071/    swapped in one rename, so readers never see a mixture
//   <dir>/<village>/41-0a1b2c3d4e5f6071/<uuid>.json
//   <dir>/<village>/artefacts/<uuid>.<sha256>.json     local edits that were undone

import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { parseStreamId } from '@writ/core/statements/stream-id';
import type { HeadRef, LocalEdit } from '@writ/core/streams/reconciliation-report';
import type { VillageState } from '@writ/core/streams/village-state';

/** UUID of each policy in force, with the SHA-256 of its spec in hexadecimal. */
export type InForce = ReadonlyMap<string, string>;

const FILE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/;

/** The policies that are on. */
export function inForce(state: VillageState | null): InForce {
  const found = new Map<string, string>();
  for (const [policy, { digest }] of state?.policies ?? [])
    if (digest !== null) found.set(policy, formatHex(digest));
  return found;
}

/** The working copy of one village below `dir`. */
export class WorkingCopy {
  readonly #dir: string;

  /** RangeError for what is no village id. */
  constructor(dir: string, village: string) {
    if (parseStreamId(`village/${village}`)?.family !== 'village')
      throw new RangeError('not the id of a village');
    this.#dir = join(dir, village);
  }

  /**
   * What in the files differs from `expected`. A copy that is not at `head` was never finished: it is written
   * again by the next apply, and nobody edited it.
   */
  async edits(head: HeadRef | null, expected: InForce): Promise<LocalEdit[]> {
    const folder = await this.#current();
    if (head === null || folder !== folderName(head)) return [];
    const found = await digestsIn(join(this.#dir, folder));
    const policies = [...new Set([...expected.keys(), ...found.keys()])].sort();
    return policies.flatMap((policy) => {
      const [before, now] = [expected.get(policy) ?? null, found.get(policy) ?? null];
      return before === now ? [] : [{ policy, expected: before, found: now }];
    });
  }

  /** True when the files are those of `head`. */
  async isAt(head: HeadRef): Promise<boolean> {
    return (await this.#current()) === folderName(head);
  }

  /** Keeps what was found in place of each edited policy. */
  async keepArtefacts(edits: readonly LocalEdit[]): Promise<string[]> {
    const folder = await this.#current();
    const artefacts = join(this.#dir, 'artefacts');
    await mkdir(artefacts, { recursive: true });
    const kept: string[] = [];
    for (const { policy, found } of edits) {
      if (found === null || folder === undefined) continue;
      const path = join(artefacts, `${policy}.${found}.json`);
      await writeDurably(path, await readFile(join(this.#dir, folder, `${policy}.json`)));
      kept.push(path);
    }
    return kept;
  }

  /** Writes the policies of `head` and makes them the current ones. */
  async write(head: HeadRef, specs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const name = folderName(head);
    const temporary = join(this.#dir, `.${name}.tmp`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    for (const [policy, spec] of specs) await writeDurably(join(temporary, `${policy}.json`), spec);
    const before = await this.#current();
    await this.#replace(temporary, name);
    await this.#point(name);
    if (before !== undefined && before !== name)
      await rm(join(this.#dir, before), { recursive: true, force: true });
  }

  // A restored copy takes the place of the edited one of the same head: first aside, then gone.
  async #replace(temporary: string, name: string): Promise<void> {
    const aside = join(this.#dir, `.${name}.old`);
    await rm(aside, { recursive: true, force: true });
    if ((await lstat(join(this.#dir, name)).catch(() => undefined)) !== undefined)
      await rename(join(this.#dir, name), aside);
    await rename(temporary, join(this.#dir, name));
    await rm(aside, { recursive: true, force: true });
  }

  async #point(name: string): Promise<void> {
    const link = join(this.#dir, '.current.tmp');
    await rm(link, { force: true });
    await symlink(name, link);
    await rename(link, join(this.#dir, 'current'));
  }

  async #current(): Promise<string | undefined> {
    const target = await readlink(join(this.#dir, 'current')).catch(() => undefined);
    // A link that somebody pointed elsewhere is none of ours.
    return target !== undefined && /^[0-9]+-[0-9a-f]{16}$/.test(target) ? target : undefined;
  }
}

function folderName({ seq, id }: HeadRef): string {
  return `${seq}-${id.slice(0, 16)}`;
}

async function digestsIn(folder: string): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const file of await readdir(folder).catch(() => [])) {
    const policy = FILE.exec(file)?.[1];
    if (policy !== undefined)
      digests.set(policy, formatHex(sha256(await readFile(join(folder, file)))));
  }
  return digests;
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes);
    const file = await open(path, 'r');
    await file.sync().finally(() => file.close());
  } catch (error) {
    throw new LogError('storage-failed', `cannot write ${path}`, { path }, error);
  }
}
