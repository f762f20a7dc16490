// Answers that are the same for as long as nothing newer is published: made once, and forgotten with their checkpoint.

import type { CheckpointRecord } from '../storage/port.ts';

/** Memory for the answers of one checkpoint; beyond it all are forgotten, and made again. */
export const MAX_ANSWER_BYTES: number = 16 * 1024 * 1024;

/** A body, and the tag by which readers know it again. */
export interface TaggedAnswer {
  readonly etag: string;
  readonly body: Uint8Array;
}

export class TreeAnswers {
  readonly #answers = new Map<string, TaggedAnswer>();
  readonly #limit: number;
  /** The checkpoint that all of them are about. */
  #record: CheckpointRecord | undefined;
  #bytes = 0;

  constructor(limit: number = MAX_ANSWER_BYTES) {
    this.#limit = limit;
  }

  /** The answer to `name` under a published checkpoint, where it is at hand. */
  known(record: CheckpointRecord, name: string): TaggedAnswer | undefined {
    return this.#record === record ? this.#answers.get(name) : undefined;
  }

  /**
   * As `known`, made by `make` where it is not at hand. Whether the reader may have it is for the caller to know. Who asks
   * under an older checkpoint than others gets an answer of its own.
   */
  async of(
    record: CheckpointRecord,
    name: string,
    make: () => Promise<TaggedAnswer>,
  ): Promise<TaggedAnswer> {
    const known = this.known(record, name);
    if (known !== undefined) return known;
    const answer = await make();
    if (this.#record === undefined || record.number > this.#record.number) this.#forget(record);
    if (this.#record === record) this.#keep(name, answer);
    return answer;
  }

  #forget(record: CheckpointRecord): void {
    this.#answers.clear();
    this.#bytes = 0;
    this.#record = record;
  }

  #keep(name: string, answer: TaggedAnswer): void {
    const { length } = answer.body;
    if (this.#answers.has(name) || length > this.#limit) return;
    if (this.#bytes + length > this.#limit) {
      this.#answers.clear();
      this.#bytes = 0;
    }
    this.#answers.set(name, answer);
    this.#bytes += length;
  }
}
