// Timers of the active policies: runs of timer.at by their schedules, and timer.after once they are due. A look every
// second costs less than being wrong about a clock that was set.

import { type Cron, parseCron } from '../engine/cron.ts';
import type { EngineEvent } from '../engine/event.ts';
import type { PreparedTrigger } from '../engine/event-match.ts';
import { nextRun, runsBetween } from '../engine/next-run.ts';
import { atEvent, takeDue } from '../engine/timers.ts';
import type { MatchState } from './match-state.ts';
import type { EngineSnapshot } from './snapshot.ts';
import type { SourceEnv } from './sources/source.ts';

const TICK_MS = 1000;
/** How often it is written down up to when runs were made, so that a start knows what it missed. */
const MARK_MS = 30_000;

export interface ClockworkSink {
  readonly publish: (event: EngineEvent) => void;
  /** A timer that came due too long ago to run, or `count` runs of a schedule. */
  readonly missed: (trigger: string, count: number) => void;
}

interface Schedule {
  readonly prepared: PreparedTrigger;
  readonly cron: Cron;
  readonly zone: string;
  nextMs: number | undefined;
}

export class Clockwork {
  readonly #env: SourceEnv;
  readonly #state: MatchState;
  readonly #sink: ClockworkSink;
  #schedules: readonly Schedule[] = [];
  /** Runs up to here were made or missed. */
  #sinceMs: number;
  #markedMs: number;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(env: SourceEnv, state: MatchState, sink: ClockworkSink) {
    this.#env = env;
    this.#state = state;
    this.#sink = sink;
    this.#sinceMs = state.markMs ?? env.now();
    this.#markedMs = this.#sinceMs;
  }

  /** The schedules from now on. */
  watch({ active }: EngineSnapshot): void {
    const known = new Map(this.#schedules.map((schedule) => [schedule.prepared.id, schedule]));
    const found = new Map<string, Schedule>();
    for (const { match } of active) {
      for (const prepared of match.triggers) {
        const schedule = known.get(prepared.id) ?? scheduleOf(prepared, this.#sinceMs);
        if (schedule !== undefined) found.set(prepared.id, schedule);
      }
    }
    this.#schedules = [...found.values()];
  }

  start(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#env.later(TICK_MS, () => {
      void this.tick().then(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** When the next run of any schedule is, milliseconds since 1970; undefined: never. */
  get nextMs(): number | undefined {
    const runs = this.#schedules.flatMap(({ nextMs }) => nextMs ?? []);
    return runs.length === 0 ? undefined : Math.min(...runs);
  }

  /** Publishes what came due since the last look. */
  async tick(): Promise<void> {
    const now = this.#env.now();
    // A clock that went back repeats nothing: what was looked at stays looked at.
    if (now > this.#sinceMs) {
      for (const schedule of this.#schedules) this.#runsOf(schedule, now);
      this.#sinceMs = now;
    }
    const { timers, due, missed } = takeDue(this.#state.timers, now);
    // First published: a crash in between runs it again, and the windows see that.
    for (const event of due) this.#sink.publish(event);
    for (const { trigger } of missed) this.#sink.missed(trigger, 1);
    if (due.length + missed.length > 0) await this.#state.setTimers(timers);
    if (this.#sinceMs - this.#markedMs < MARK_MS) return;
    this.#markedMs = this.#sinceMs;
    await this.#state.setMark(this.#sinceMs);
  }

  #runsOf(schedule: Schedule, now: number): void {
    const { prepared, cron, zone, nextMs } = schedule;
    if (nextMs === undefined || nextMs > now) return;
    const { due, missed } = runsBetween(cron, zone, this.#sinceMs, now);
    for (const runMs of due) this.#sink.publish(atEvent(prepared, runMs));
    if (missed > 0) this.#sink.missed(prepared.id, missed);
    schedule.nextMs = nextRun(cron, zone, now);
  }
}

function scheduleOf(prepared: PreparedTrigger, sinceMs: number): Schedule | undefined {
  const { trigger } = prepared;
  if (trigger.kind !== 'timer.at') return undefined;
  const cron = parseCron(trigger.cron, trigger.last_day);
  if ('problem' in cron) return undefined;
  const zone = trigger.time_zone;
  return { prepared, cron, zone, nextMs: nextRun(cron, zone, sinceMs) };
}
