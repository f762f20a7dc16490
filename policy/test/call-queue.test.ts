import { CallQueue } from '@writ/policy/agent/call-queue';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('driver calls in turn');

const LIMITS = { maxCalls: 2, maxWaiting: 3, maxWaitingAll: 5 };

/** Calls that end when the test says so. */
class Calls {
  readonly started: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();
  work(name: string): () => Promise<string> {
    return () => {
      this.started.push(name);
      return new Promise((resolve, reject) => {
        this.#ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
      });
    };
  }
  async end(name: string, error?: Error): Promise<void> {
    await settled();
    this.#ends.get(name)?.(error);
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one host has one call at a time, and all hosts together have as many as the cap', async () => {
  const calls = new Calls();
  const queue = new CallQueue(() => 0, LIMITS);
  for (const name of ['a1', 'a2', 'b1', 'c1']) void queue.run(name.slice(0, 1), calls.work(name));
  await settled();
  assert.equal(calls.started, ['a1', 'b1']);
  await calls.end('a1');
  assert.equal(calls.started, ['a1', 'b1', 'c1']);
  await calls.end('b1');
  assert.equal(calls.started, ['a1', 'b1', 'c1', 'a2']);
});

test('a queue that is full refuses at once, for the host and for all', async () => {
  const calls = new Calls();
  const queue = new CallQueue(() => 0, LIMITS);
  const ask = (name: string): boolean =>
    queue.run(name.slice(0, 1), calls.work(name)) !== undefined;
  assert.equal(['a1', 'a2', 'a3', 'a4', 'a5'].map(ask), [true, true, true, true, false]);
  assert.equal(['b1', 'c1', 'c2', 'd1'].map(ask), [true, true, true, false]);
  assert.is(queue.stats().refused, 2);
  assert.is(queue.stats().waiting, 5);
});

test('a call that fails gives its error to who asked, and the next one runs', async () => {
  const calls = new Calls();
  const queue = new CallQueue(() => 0, LIMITS);
  const first = queue.run('a', calls.work('a1'))?.catch(String);
  const second = queue.run('a', calls.work('a2'));
  await calls.end('a1', new Error('broken'));
  await calls.end('a2');
  assert.is(await first, 'Error: broken');
  assert.is(await second, 'a2');
  assert.equal(queue.stats(), { running: 0, waiting: 0, refused: 0, oldestMs: 0 });
});

test('the watchdog sees a call that does not end', async () => {
  let now = 0;
  const queue = new CallQueue(() => now, LIMITS);
  void queue.run('a', new Calls().work('a1'));
  await settled();
  now = 90_000;
  assert.is(queue.stats().oldestMs, 90_000);
});

test('over random schedules no host overlaps, the cap holds, order is kept, and all calls end', async () => {
  const plan = fc.array(
    fc.record({
      host: fc.integer({ min: 0, max: 5 }),
      turns: fc.integer({ min: 0, max: 4 }),
      fails: fc.boolean(),
    }),
    { maxLength: 200 },
  );
  await fc.assert(
    fc.asyncProperty(plan, async (steps) => {
      const queue = new CallQueue(() => 0, { maxCalls: 3, maxWaiting: 20, maxWaitingAll: 60 });
      const busy = new Set<number>();
      const order: number[][] = [[], [], [], [], [], []];
      const accepted: number[][] = [[], [], [], [], [], []];
      const work = steps.map(({ host, turns, fails }, i) => {
        const done = queue.run(String(host), async () => {
          assert.not.ok(busy.has(host));
          busy.add(host);
          assert.ok(busy.size <= 3);
          order[host]?.push(i);
          for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
          busy.delete(host);
          if (fails) throw new Error('as planned');
        });
        if (done !== undefined) accepted[host]?.push(i);
        return done?.catch((error: unknown) => assert.match(String(error), 'as planned'));
      });
      await Promise.all(work);
      assert.equal(order, accepted);
      assert.is(queue.stats().running, 0);
    }),
  );
});

test.run();
