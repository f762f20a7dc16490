// Any schedule of calls, restarts, clocks and a log that comes and goes, against a model that is too simple to be wrong.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { Courier } from '@writ/policy/agent/courier';
import type { Begun } from '@writ/policy/agent/ledger';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digest, type Node, RuleLog, request, START, startNode } from './node-world.ts';
import { POLICY } from './villages.ts';

const WINDOW = 100;
const SUPPRESSION = 40;

type Op =
  | { readonly op: 'begin'; readonly key: number; readonly subject: number; readonly event: number }
  | { readonly op: 'finish' | 'unknown'; readonly which: number }
  | { readonly op: 'pass'; readonly ms: number }
  | { readonly op: 'jump'; readonly ms: number }
  | { readonly op: 'restart' | 'flush' | 'settle' }
  | { readonly op: 'submit'; readonly weather: 'fair' | 'away' | 'answer-lost' };

const small = fc.nat({ max: 3 });
const OPS: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('begin' as const),
      key: small,
      subject: small,
      event: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom('finish' as const, 'unknown' as const),
      which: small,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.nat({ max: 60 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('jump' as const),
      ms: fc.integer({ min: -500, max: 500 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom('restart' as const, 'flush' as const, 'settle' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('submit' as const),
      weather: fc.constantFrom('fair' as const, 'away' as const, 'answer-lost' as const),
    }),
  },
);

/** How long ago, in real time and as a node may believe: wall jumps over a restart count forward only. */
interface Window {
  readonly by: string;
  readonly event: number;
  /** Time that passed since, as the node may count it. */
  elapsed: number;
  /** Wall time at which it began, or at the last restart. */
  wallMs: number;
}

class Model {
  readonly keys = new Map<number, Window>();
  readonly subjects = new Map<number, Window>();
  readonly open: string[] = [];
  ended = 0;
  unknown = 0;
  begun = 0;
  held = 0;

  expect(op: Extract<Op, { op: 'begin' }>): string {
    const key = this.keys.get(op.key);
    if (key !== undefined && (key.elapsed < WINDOW || this.open.includes(key.by)))
      return `suppressed-idempotent ${key.by}`;
    const subject = this.subjects.get(op.subject);
    if (subject !== undefined && subject.elapsed < SUPPRESSION && subject.event !== op.event)
      return `suppressed-window ${subject.by}`;
    return 'begun';
  }

  begin(op: Extract<Op, { op: 'begin' }>, id: string, wallMs: number): void {
    this.begun++;
    this.open.push(id);
    const window = { by: id, event: op.event, elapsed: 0, wallMs };
    this.keys.set(op.key, { ...window });
    const subject = this.subjects.get(op.subject);
    const isOfThis = subject?.event === op.event && subject.elapsed < SUPPRESSION;
    if (!isOfThis) this.subjects.set(op.subject, { ...window });
  }

  pass(ms: number): void {
    for (const window of this.windows()) window.elapsed += ms;
  }

  restart(wallMs: number): void {
    for (const window of this.windows()) window.elapsed = Math.max(0, wallMs - window.wallMs);
    this.unknown += this.open.length;
    this.open.length = 0;
  }

  private *windows(): Generator<Window> {
    yield* this.keys.values();
    yield* this.subjects.values();
  }
}

class Run {
  readonly dir: string;
  readonly log = new RuleLog();
  readonly model = new Model();
  node: Node;
  courier: Courier;
  wallMs: number = START.wallMs;
  steadyMs: number = START.steadyMs;

  constructor(dir: string, node: Node) {
    this.dir = dir;
    this.node = node;
    this.courier = new Courier(node.journal, node.outbox, this.log);
  }

  get now(): { wallMs: number; steadyMs: number } {
    return { wallMs: this.wallMs, steadyMs: this.steadyMs };
  }

  async step(op: Op): Promise<void> {
    const { ledger } = this.node;
    switch (op.op) {
      case 'begin':
        return this.begin(op);
      case 'finish':
      case 'unknown': {
        const [id] = this.model.open.splice(op.which, 1);
        if (id === undefined) return;
        if (op.op === 'unknown') {
          this.model.unknown++;
          assert.is((await ledger.unknown(id, 'deadline', this.now)).kind, 'ended');
          return;
        }
        this.model.ended++;
        const outcome = {
          result: 'succeeded',
          severity: 'info',
          effects: [],
          reason: null,
        } as const;
        assert.is((await ledger.finish(id, outcome, this.now)).kind, 'ended');
        return;
      }
      case 'pass':
        this.wallMs += op.ms;
        this.steadyMs += op.ms;
        this.model.pass(op.ms);
        return;
      case 'jump':
        this.wallMs += op.ms;
        return;
      case 'flush':
        await ledger.suppressions.flush(this.now);
        return;
      case 'settle':
        assert.not.equal((await this.courier.settle()).kind, 'stopped');
        return;
      case 'submit':
        return this.submit(op.weather);
      case 'restart':
        return this.restart();
    }
  }

  async begin(op: Extract<Op, { op: 'begin' }>): Promise<void> {
    const expected = this.model.expect(op);
    const what = request({
      key: `key ${op.key}`,
      subject: `ups/${op.subject}`,
      event: digest(`event ${op.event}`),
      idempotencyWindowMs: WINDOW,
      suppressionWindowMs: SUPPRESSION,
    });
    // Three at a time, as they come in life: one begins at most.
    const all = await Promise.all([1, 2, 3].map(() => this.node.ledger.begin(what, this.now)));
    const begun = all.filter(({ kind }) => kind === 'begun');
    assert.is(begun.length, expected === 'begun' ? 1 : 0, JSON.stringify(all));
    const [first] = all;
    if (first !== undefined && expected !== 'begun') assert.is(textOf(first), expected);
    this.model.held += 3 - begun.length;
    if (first?.kind === 'begun') this.model.begin(op, first.id, this.wallMs);
  }

  async submit(weather: Extract<Op, { op: 'submit' }>['weather']): Promise<void> {
    const fail = (): never => {
      throw new LogError('network-failed', 'the log is under water');
    };
    this.log.beforeSubmit = weather === 'away' ? fail : () => {};
    this.log.afterSubmit = weather === 'answer-lost' ? fail : () => {};
    const round = await this.courier.submit();
    assert.ok(round.kind !== 'stopped' && round.kind !== 'blocked', JSON.stringify(round));
  }

  async restart(): Promise<void> {
    await this.node.close();
    this.steadyMs = 0;
    this.node = await startNode(this.dir, { now: this.now });
    this.courier = new Courier(this.node.journal, this.node.outbox, this.log);
    assert.equal([...this.node.unknown].sort(), [...this.model.open].sort());
    this.model.restart(this.wallMs);
  }

  /** All that happened is in the log, once, and is what the model counted. */
  async check(): Promise<void> {
    await this.node.ledger.suppressions.flush(this.now);
    this.log.beforeSubmit = () => {};
    this.log.afterSubmit = () => {};
    for (let kind = ''; kind !== 'done'; ) kind = (await this.courier.submit()).kind;
    const { begun, ended, unknown, held, open } = this.model;
    if (begun + held === 0) return;
    const { counts, open: openInLog } = this.log.state;
    assert.equal(counts, {
      intents: begun,
      succeeded: ended,
      failed: 0,
      skipped: 0,
      unknown,
      suppressed: held,
      lost: 0,
    });
    assert.equal([...openInLog].map(([id]) => id).sort(), [...open].sort());
    const { rows } = await this.node.ledger.index.page(POLICY, { limit: 10_000 });
    assert.is(rows.filter(({ state }) => state !== 'suppressed').length, begun);
  }
}

function textOf(begun: Begun): string {
  return 'by' in begun ? `${begun.kind} ${begun.by}` : begun.kind;
}

test('a node does what the model says, whatever comes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(OPS, { minLength: 5, maxLength: 40 }), async (ops) => {
      const dir = await mkdtemp(join(tmpdir(), 'writ-model-'));
      const run = new Run(dir, await startNode(dir));
      try {
        for (const op of ops) await run.step(op);
        await run.check();
      } finally {
        await run.node.close();
        await rm(dir, { recursive: true });
      }
    }),
    { numRuns: 30 },
  );
});

test.run();
