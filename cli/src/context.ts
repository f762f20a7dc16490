// What every command gets: the words that were typed, settings, keys, and views of villages that were verified.

import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseHex, parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { HASH_SIZE } from '@writ/core/sha256';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { decodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import { LogClient, originAt } from '@writ/policy/agent/log-client';
import { pageFetcher } from '@writ/policy/agent/pages';
import { type FetchPage, type KeptPage, readVillage } from '@writ/policy/agent/read-village';
import { type Saved, StateStore } from '@writ/policy/agent/state-store';
import { WorkingCopy } from '@writ/policy/agent/working-copy';
import { DEFAULT_MAX_AGE_SECONDS } from '@writ/verifier/follow/follow';
import type { Followed } from '@writ/verifier/follow/reading';
import type { Invocation } from './args.ts';
import { readInput, readKey } from './files.ts';
import type { Surroundings } from './surroundings.ts';

/** What a command answers: lines for people, an object for programs. */
export interface Answer {
  readonly exit?: number;
  readonly lines: readonly string[];
  readonly result: object;
}

/** One run of one command. */
export class Context {
  readonly invocation: Invocation;
  readonly world: Surroundings;
  readonly version: string;

  constructor(invocation: Invocation, world: Surroundings, version: string) {
    this.invocation = invocation;
    this.world = world;
    this.version = version;
  }

  /** The operand at `at`, which the command line guarantees. */
  operand(at: number): string {
    return this.invocation.operands[at] ?? this.#missing(`operand ${at + 1}`);
  }

  has(name: string): boolean {
    return this.invocation.switches.has(name);
  }

  /** `--name VALUE`, or the variable WRIT_NAME. */
  value(name: string): string | undefined {
    const variable = this.world.env[`WRIT_${name.toUpperCase().replaceAll('-', '_')}`];
    return this.invocation.values.get(name) ?? (variable === '' ? undefined : variable);
  }

  required(name: string): string {
    return this.value(name) ?? this.#missing(`--${name}`);
  }

  number(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const value = parseSafeDecimal(text);
    if (value !== undefined && value >= min && value <= max) return value;
    throw new LogError('usage', `--${name} must be a whole number from ${min} to ${max}`);
  }

  /** The village, by strict grammar before anything is built from it. LogError usage. */
  village(): string {
    return checkVillage(this.required('village'));
  }

  async key(): Promise<SignerKey> {
    return readKey(this.required('key'));
  }

  async policy(): Promise<TrustPolicy> {
    return parsePolicy(await readInput(this.required('policy'), 'policy'));
  }

  /** The log at --log, or the one that the trust policy names. */
  async log(): Promise<LogClient> {
    const url = this.value('log') ?? (await this.policy()).logs[0]?.url;
    return new LogClient(url ?? this.#missing('--log'), this.world);
  }

  /** Whether the village is public, as far as it was ever applied here. It stays that for life. */
  async savedVisibility(): Promise<Constitution['visibility'] | undefined> {
    const village = this.village();
    const saved = await this.withStore({ create: false }, async (store) => store?.load(village));
    const bytes = saved?.snapshot?.state ?? null;
    const state = bytes === null ? undefined : decodeStreamState(bytes);
    return state?.family === 'village' ? state.law.visibility : undefined;
  }

  /** Where pages of the village come from. A private one is read with --key. */
  async pages(): Promise<FetchPage> {
    const [policy, log] = [await this.policy(), await this.log()];
    const origin = originAt(log.url, policy);
    const key = async (): Promise<SignerKey | undefined> =>
      this.value('key') === undefined ? undefined : this.key();
    return pageFetcher(log, origin, key);
  }

  get maxAgeSeconds(): number {
    return this.number('max-age', 1) ?? Number(DEFAULT_MAX_AGE_SECONDS);
  }

  get waitSeconds(): number {
    return this.number('wait', 1, 60) ?? 20;
  }

  /** The folder with the local state. */
  get dir(): string {
    const { XDG_STATE_HOME: state } = this.world.env;
    const base = state === undefined || state === '' ? join(homedir(), '.local', 'state') : state;
    return this.value('dir') ?? join(base, 'writ');
  }

  files(village: string): WorkingCopy {
    return new WorkingCopy(join(this.dir, 'villages'), village);
  }

  /** Runs with the store; without `create` it is undefined where nothing was ever applied. */
  async withStore<T>(
    { create }: { readonly create: boolean },
    run: (store: StateStore | undefined) => Promise<T>,
  ): Promise<T> {
    const path = join(this.dir, 'store');
    if (create) await mkdir(this.dir, { recursive: true, mode: 0o700 });
    else if (!(await exists(path))) return run(undefined);
    const store = await StateStore.open(path, { create });
    try {
      return await run(store);
    } finally {
      await store.close();
    }
  }

  /**
   * The village as the log shows and proves it now, behind what is stored here. `whole` reads all of its
   * history. LogError with the reason when what the log shows does not hold, not-found without such a village.
   */
  async view({
    whole = false,
  }: {
    readonly whole?: boolean;
  } = {}): Promise<
    Followed & { readonly state: VillageState; readonly pages: readonly KeptPage[] }
  > {
    const village = this.village();
    const policy = await this.policy();
    const saved = await this.withStore({ create: false }, async (store) => store?.load(village));
    const known: Saved | undefined =
      whole && saved !== undefined ? { ...saved, snapshot: undefined } : saved;
    const { followed, error, pages } = await readVillage(await this.pages(), {
      village,
      policy,
      saved: known,
      nowSeconds: this.world.nowSeconds(),
      maxAgeSeconds: this.maxAgeSeconds,
    });
    if (followed === undefined) throw error;
    const { state } = followed;
    if (state === null)
      throw new LogError('not-found', `the log proves that there is no village ${village}`);
    return { ...followed, state, pages };
  }

  #missing(what: string): never {
    throw new LogError('usage', `${this.invocation.command} needs ${what}`);
  }
}

/** A village id. LogError usage for anything else. */
export function checkVillage(id: string): string {
  if (parseStreamId(`village/${id}`)?.family === 'village') return id;
  throw new LogError('usage', 'a village id is 1 to 64 of a-z A-Z 0-9 _ -');
}

/** A statement id that was typed. LogError usage. */
export function parseId(text: string): Uint8Array {
  const id = parseHex(text);
  if (id?.length === HASH_SIZE) return id;
  throw new LogError('usage', 'a statement id is 64 hexadecimal digits in lower case');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
