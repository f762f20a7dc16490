// A log of the test's own making, and a client that speaks to a witness.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { formatAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote, signText, timestampOf } from '@writ/core/formats/cosignature';
import {
  createSigner,
  type KeyTypeByte,
  parseVkey,
  type SignerKey,
  type VerifierKey,
  verifierOf,
} from '@writ/core/formats/key';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { leafHash, nodeHash } from '@writ/core/merkle/hash';
import type { Node } from '@writ/core/merkle/range';
import { buildProof, treeRoot } from '@writ/core/merkle/tree';
import type { Env } from '@writ/witness/witness';

export const START_MS = Date.UTC(2026, 10, 20);

/** A signer whose seed is `fill` 32 times. */
export function testSigner(name: string, type: KeyTypeByte, fill: number): SignerKey {
  return createSigner(name, type, new Uint8Array(32).fill(fill));
}

export interface LoggedLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A clock that stands where it is put, and a log that remembers. */
export function testEnv(): Env & { ms: number; lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  const env = {
    ms: START_MS,
    lines,
    nowMs: (): number => env.ms,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
  };
  return env;
}

/** A log whose leaf i is `${flavour} i`: another flavour from some leaf on is a fork. */
export class TestLog {
  readonly origin: string;
  readonly signer: SignerKey;
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #flavour: (index: bigint) => string;

  constructor(origin: string, { fill = 1, forkAt }: { fill?: number; forkAt?: bigint } = {}) {
    this.origin = origin;
    this.signer = testSigner(origin, 0x01, fill);
    this.#flavour = (index) => (forkAt !== undefined && index >= forkAt ? 'fork' : 'leaf');
  }

  get key(): VerifierKey {
    return verifierOf(this.signer);
  }

  root(size: bigint): Uint8Array {
    return treeRoot(size, (node) => this.#hash(node));
  }

  proof(oldSize: bigint, size: bigint): Uint8Array[] {
    return buildProof(consistencyNodes(oldSize, size), (node) => this.#hash(node));
  }

  /** The text of a checkpoint, without blank line and signatures. */
  text(size: bigint, extensions: string[] = []): string {
    return formatCheckpoint({ origin: this.origin, size, root: this.root(size), extensions });
  }

  checkpoint(
    size: bigint,
    signers: SignerKey[] = [this.signer],
    extensions: string[] = [],
  ): Uint8Array {
    const text = this.text(size, extensions);
    return formatNote({ text, signatures: signers.map((signer) => signText(signer, text, 1n)) });
  }

  /** A whole request. */
  body(oldSize: bigint, size: bigint): Uint8Array {
    const proof = this.proof(oldSize, size);
    return formatAddCheckpoint({ oldSize, proof, checkpoint: this.checkpoint(size) });
  }

  #hash({ level, index }: Node): Uint8Array {
    const name = `${level}/${index}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const hash =
      level === 0
        ? leafHash(utf8(`${this.#flavour(index)} ${index}`))
        : nodeHash(
            this.#hash({ level: level - 1, index: 2n * index }),
            this.#hash({ level: level - 1, index: 2n * index + 1n }),
          );
    this.#nodes.set(name, hash);
    return hash;
  }
}

export interface Reply {
  readonly status: number;
  readonly type: string | null;
  readonly body: string;
  readonly headers: Headers;
}

export async function post(url: string, body: Uint8Array): Promise<Reply> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: body.slice() });
  return read(response);
}

export async function read(response: Response): Promise<Reply> {
  const { status, headers } = response;
  return { status, headers, type: headers.get('content-type'), body: await response.text() };
}

/**
 * Verifies the cosignatures of a 200 answer on the checkpoint in `request` with every key of the witness.
 * Returns the one timestamp that all of them carry; throws when any is missing or wrong.
 */
export function openCosignatures(
  vkeys: readonly string[],
  request: Uint8Array,
  answer: string,
): bigint {
  const text = new TextDecoder().decode(request);
  const { text: signed } = parseNote(utf8(text.slice(text.indexOf('\n\n') + 2)));
  const note = parseNote(concatBytes(utf8(signed), utf8('\n'), utf8(answer)));
  const verified = openNote(note, vkeys.map(parseVkey));
  const timestamps = new Set(verified.map(timestampOf));
  const [timestamp = 0n] = timestamps;
  if (verified.length !== vkeys.length || note.signatures.length !== vkeys.length)
    throw new Error(`expected ${vkeys.length} cosignatures, and nothing else:\n${answer}`);
  if (timestamps.size !== 1 || timestamp === 0n) throw new Error('the timestamps are wrong');
  return timestamp;
}
