// A small log with its witnesses, made anew for every test that asks.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { encodeBundle } from '@writ/core/formats/entry-bundle';
import { createSigner, formatVkey, type SignerKey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { formatTilePath } from '@writ/core/formats/tile-path';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { leafHash, nodeHash } from '@writ/core/merkle/hash';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import type { Node } from '@writ/core/merkle/range';
import { buildProof, treeRoot } from '@writ/core/merkle/tree';
import type { TileSource } from '@writ/verifier/tiles';
import * as assert from 'uvu/assert';

export const ORIGIN = 'log.example/test';
/** When every cosignature was made, in POSIX seconds. */
export const SIGNED_AT = 1_800_000_000n;

/** A signer from one number, the same in every run. */
export function signer(name: string, type: 1 | 4 | 6, seed: number): SignerKey {
  return createSigner(name, type, new Uint8Array(32).fill(seed));
}

export const logSigner: SignerKey = signer(ORIGIN, 1, 1);
export const witnessSigners: readonly SignerKey[] = [
  signer('w1.example', 4, 11),
  signer('w2.example', 4, 12),
  signer('w3.example', 6, 13),
];

export const policyText: string = [
  `log ${formatVkey(logSigner)}`,
  ...witnessSigners.map((witness, i) => `witness w${i + 1} ${formatVkey(witness)}`),
  'group g 2 w1 w2 w3',
  'quorum g',
  '',
].join('\n');

export const policy: TrustPolicy = parsePolicy(utf8(policyText));
export const noQuorumText: string = `log ${formatVkey(logSigner)}\nquorum none\n`;

/** What goes into a note beside the tree. */
export interface Signing {
  readonly signers?: readonly SignerKey[];
  readonly timestampSeconds?: bigint;
}

/** A log of `entries` in memory. */
export class SmallLog {
  readonly entries: readonly Uint8Array[];
  readonly origin: string;
  readonly #nodes = new Map<string, Uint8Array>();

  constructor(entries: readonly Uint8Array[], origin = ORIGIN) {
    this.entries = entries;
    this.origin = origin;
  }

  get size(): bigint {
    return BigInt(this.entries.length);
  }

  /** Hash of a complete subtree. */
  node = ({ level, index }: Node): Uint8Array => {
    const name = `${level}/${index}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const hash =
      level === 0
        ? leafHash(this.entries[Number(index)] ?? new Uint8Array(0))
        : nodeHash(
            this.node({ level: level - 1, index: 2n * index }),
            this.node({ level: level - 1, index: 2n * index + 1n }),
          );
    this.#nodes.set(name, hash);
    return hash;
  };

  root(size = this.size): Uint8Array {
    return treeRoot(size, this.node);
  }

  /** The checkpoint of `size`, signed by the log and all witnesses unless `signing` says otherwise. */
  note(size = this.size, signing: Signing = {}): Uint8Array {
    const { signers = [logSigner, ...witnessSigners], timestampSeconds = SIGNED_AT } = signing;
    const root = this.root(size);
    const text = formatCheckpoint({ origin: this.origin, size, root, extensions: [] });
    return formatNote({
      text,
      signatures: signers.map((key) => signText(key, text, timestampSeconds)),
    });
  }

  inclusion(index: bigint, size = this.size): Uint8Array[] {
    return buildProof(inclusionNodes(index, size), this.node);
  }

  consistency(oldSize: bigint, size = this.size): Uint8Array[] {
    return buildProof(consistencyNodes(oldSize, size), this.node);
  }

  proofFile(index: bigint, size = this.size, signing: Signing = {}): Uint8Array {
    const checkpoint = this.note(size, signing);
    return formatTlogProof({ index, hashes: this.inclusion(index, size), checkpoint });
  }

  /** Every static resource of the log, by path. */
  files(): Map<string, Uint8Array> {
    const files = new Map([['checkpoint', this.note()]]);
    for (let level = 0, count = this.entries.length; count > 0; level++) {
      for (let index = 0; index * 256 < count; index++) {
        const width = Math.min(256, count - index * 256);
        const at = { index: BigInt(index), width };
        const hashes = Array.from({ length: width }, (_, i) =>
          this.node({ level: level * 8, index: BigInt(index * 256 + i) }),
        );
        files.set(formatTilePath({ level, ...at }), concat(hashes));
        if (level > 0) continue;
        const entries = this.entries.slice(index * 256, index * 256 + width);
        files.set(formatTilePath({ level: 'entries', ...at }), encodeBundle(entries));
      }
      count = Math.floor(count / 256);
    }
    return files;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `count` different entries; `salt` makes other ones, from entry `from` on. */
export function someEntries(count: number, salt = '', from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    utf8(i >= from ? `entry ${i}${salt}` : `entry ${i}`),
  );
}

export function memorySource(files: ReadonlyMap<string, Uint8Array>): TileSource {
  return { read: (path) => Promise.resolve(files.get(path)) };
}

/** A new folder for one test, removed when the process ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'writ-verify-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

/** Asserts that `act` ends with a LogError of this code. */
export async function failsWith(act: () => unknown, code: string): Promise<LogError> {
  try {
    await act();
  } catch (error) {
    assert.instance(error, LogError);
    if (!(error instanceof LogError)) throw error;
    assert.is(error.code, code, error.message);
    return error;
  }
  return assert.unreachable(`expected ${code}`) as never;
}
