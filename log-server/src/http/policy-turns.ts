// One save of a village at a time, so that what a save was checked against is still so when it is sequenced.

import { LogError } from '@writ/core/errors';

/** Saves of one village that wait. */
const MAX_WAITING = 64;

interface Queue {
  last: Promise<unknown>;
  waiting: number;
}

export class VillageTurns {
  readonly #queues = new Map<string, Queue>();

  /** Runs `work` when all that was asked for this village before is done. LogError overloaded. */
  async run<T>(village: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(village) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= MAX_WAITING)
      throw new LogError('overloaded', 'too many saves of the village wait: try again later');
    this.#queues.set(village, queue);
    queue.waiting++;
    const turn = queue.last.then(work);
    queue.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      queue.waiting--;
      if (queue.waiting === 0) this.#queues.delete(village);
    }
  }
}
