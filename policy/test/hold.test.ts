import type { EngineEvent } from '@writ/policy/engine/event';
import {
  compares,
  forget,
  type Holds,
  MAX_GAP_MS,
  MAX_HELD_SUBJECTS,
  NO_HOLDS,
  observe,
  type Watch,
  watchesOf,
} from '@writ/policy/engine/hold';
import type { PolicyIr } from '@writ/policy/engine/policy-ir';
import type { Scalar } from '@writ/policy/engine/policy-spec';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('what has to hold before it is an event');

const UPS = { kind: 'ups', id: 'rack@127.0.0.1:3493' } as const;
const HOST = { kind: 'host', id: 'h1' } as const;
const LOST_30: Watch = { kind: 'ups.state', equals: 'mains-lost', for_s: 30 };
const LOST_0: Watch = { kind: 'ups.state', equals: 'mains-lost', for_s: 0 };
const HOT: Watch = { kind: 'metric.threshold', metric: 'temp', op: '>=', value: 40, for_s: 10 };

class Player {
  holds: Holds = NO_HOLDS;
  readonly #watches: readonly Watch[];
  constructor(...watches: Watch[]) {
    this.#watches = watches;
  }
  ups(second: number, ...states: string[]): readonly EngineEvent[] {
    return this.#see(second, { subject: UPS, states });
  }
  sample(second: number, metric: string, value: Scalar): readonly EngineEvent[] {
    return this.#see(second, { subject: HOST, samples: new Map([[metric, value]]) });
  }
  #see(
    second: number,
    seen: Omit<Parameters<typeof observe>[2], 'monotonicMs' | 'ts'>,
  ): readonly EngineEvent[] {
    const ts = new Date(second * 1000).toISOString();
    const step = observe(this.holds, this.#watches, { ...seen, monotonicMs: second * 1000, ts });
    this.holds = step.holds;
    return step.events;
  }
}

test('a state that lasts is told once, when it has lasted', () => {
  const play = new Player(LOST_30);
  assert.is(play.ups(0, 'mains-lost').length, 0);
  assert.is(play.ups(29, 'mains-lost').length, 0);
  assert.equal(play.ups(30, 'mains-lost'), [
    {
      type: 'ups',
      kind: 'ups.state',
      subject: UPS,
      attrs: { state: 'mains-lost', held_s: 30 },
      ts: '1970-01-01T00:00:30.000Z',
      correlation_id: null,
    },
  ]);
  assert.is(play.ups(35, 'mains-lost').length, 0);
});

test('no number of subjects that a sender makes up keeps the loss of the mains from being told', () => {
  const ts = '1970-01-01T00:00:00.000Z';
  const watches = [LOST_0, LOST_30, HOT];
  const seen = (id: string, temp: number): Parameters<typeof observe>[2] => ({
    ...{ subject: { kind: 'host', id }, samples: new Map([['temp', temp]]), monotonicMs: 0, ts },
  });
  let holds = NO_HOLDS;
  for (let i = 0; i < 3 * MAX_HELD_SUBJECTS; i++)
    holds = observe(holds, watches, seen(`cold${i}`, 1)).holds;
  assert.is(holds.size, 0);
  const hot = observe(NO_HOLDS, watches, seen('hot', 99)).holds.get('host/hot') ?? new Map();
  holds = new Map(Array.from({ length: MAX_HELD_SUBJECTS }, (_, i) => [`host/hot${i}`, hot]));
  const lost = { subject: UPS, states: ['mains-lost'], monotonicMs: 0, ts };
  const { holds: after, events } = observe(holds, watches, lost);
  assert.is(events.length, 1);
  assert.is(after.size, MAX_HELD_SUBJECTS);
  // What was seen last is kept; what was seen longest ago begins anew.
  assert.ok(after.has(`ups/${UPS.id}`) && !after.has('host/hot0') && after.has('host/hot1'));
  const again = observe(after, watches, seen('hot1', 99)).holds;
  assert.ok([...again.keys()].at(-1) === 'host/hot1');
});

test('a state that ends in between begins anew', () => {
  const play = new Player(LOST_30);
  play.ups(0, 'mains-lost');
  play.ups(20, 'mains-returned');
  play.ups(25, 'mains-lost');
  assert.is(play.ups(54, 'mains-lost').length, 0);
  assert.is(play.ups(55, 'mains-lost').length, 1);
});

test('each duration that somebody asks for is told, and again in the next episode', () => {
  const play = new Player(LOST_0, LOST_30);
  assert.equal(
    play.ups(0, 'mains-lost').map(({ attrs }) => attrs['held_s']),
    [0],
  );
  assert.equal(
    play.ups(31, 'mains-lost').map(({ attrs }) => attrs['held_s']),
    [30],
  );
  play.ups(32, 'mains-returned');
  assert.is(play.ups(33, 'mains-lost').length, 1);
});

test('a low battery does not end the loss of the mains', () => {
  const play = new Player(LOST_30);
  play.ups(0, 'mains-lost');
  play.ups(15, 'mains-lost', 'low-battery');
  assert.is(play.ups(30, 'mains-lost', 'low-battery').length, 1);
});

test('what nobody saw did not hold: a long gap, a lost source and a clock that goes back begin anew', () => {
  const gap = new Player(LOST_30);
  gap.ups(0, 'mains-lost');
  assert.is(gap.ups(1 + MAX_GAP_MS / 1000, 'mains-lost').length, 0);
  const lost = new Player(LOST_30);
  lost.ups(0, 'mains-lost');
  lost.holds = forget(lost.holds, UPS);
  assert.is(lost.ups(30, 'mains-lost').length, 0);
  const back = new Player(LOST_30);
  back.ups(100, 'mains-lost');
  back.ups(10, 'mains-lost');
  assert.is(back.ups(39, 'mains-lost').length, 0);
  assert.is(back.ups(40, 'mains-lost').length, 1);
});

test('an observation of one metric says nothing about another, or about another host', () => {
  const play = new Player(HOT);
  play.sample(0, 'temp', 41);
  play.sample(5, 'load', 3);
  assert.is(play.sample(10, 'temp', 40).length, 1);
});

test('a sample of another type meets no threshold', () => {
  for (const op of ['>', '>=', '<', '<=', '=', '!='] as const)
    assert.is(compares('41', op, 40), false, op);
  assert.is(compares(Number.NaN, '!=', 40), true);
  assert.is(compares('a', '!=', 'b'), true);
});

test('watches are those of all policies, each once', () => {
  const ir = (...triggers: Watch[]): PolicyIr => {
    const match = { logic: 'ANY', window_s: 1, conditions: [], triggers } as const;
    return { match } as unknown as PolicyIr;
  };
  assert.equal(watchesOf([ir(LOST_30, HOT), ir(LOST_30), ir(LOST_0)]), [LOST_30, HOT, LOST_0]);
});

test('a random history gives an event exactly when the state was seen without a break for that long', () => {
  const history = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(history, (steps) => {
      const play = new Player(LOST_30);
      let now = 0;
      let since: number | undefined;
      let isTold = false;
      for (const [pause, isLost] of steps) {
        now += pause;
        const events = play.ups(now, isLost ? 'mains-lost' : 'mains-returned');
        if (!isLost) since = undefined;
        else if (since === undefined) {
          since = now;
          isTold = false;
        }
        const isDue = since !== undefined && now - since >= 30 && !isTold;
        if (isDue) isTold = true;
        assert.is(events.length, isDue ? 1 : 0);
      }
    }),
  );
});

test.run();
