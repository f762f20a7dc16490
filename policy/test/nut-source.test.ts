// What a NUT source tells when a server is hostile, slow, or gone, and when it is stopped itself.

import { createServer, type Server, type Socket } from 'node:net';
import { openLineSocket } from '@writ/policy/agent/sources/line-socket';
import { NutSource } from '@writ/policy/agent/sources/nut';
import type { LineSocket } from '@writ/policy/agent/sources/nut-client';
import type { SourceEnv, SourceSink } from '@writ/policy/agent/sources/source';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the NUT source');

/** Timers that go off when they are told to. */
class Timers {
  readonly #waiting = new Set<{ readonly ms: number; readonly run: () => void }>();

  readonly env: SourceEnv = {
    now: () => 0,
    monotonic: () => 0,
    random: () => 0,
    later: (ms, run) => {
      const timer = { ms, run };
      this.#waiting.add(timer);
      return () => {
        this.#waiting.delete(timer);
      };
    },
  };

  /** Lets the timers of up to `ms` go off, and what they began come to rest. */
  async pass(ms: number): Promise<void> {
    for (const timer of [...this.#waiting])
      if (timer.ms <= ms) {
        this.#waiting.delete(timer);
        timer.run();
      }
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
}

/** upsd in memory: answers each question; `undefined` leaves it open until the connection is closed. */
class Upsd implements LineSocket {
  readonly #answer: (question: string) => readonly string[] | undefined;
  #lines: string[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(answer: (question: string) => readonly string[] | undefined) {
    this.#answer = answer;
  }

  write(text: string): void {
    this.#lines.push(...(this.#answer(text.trim()) ?? []));
  }

  async readLine(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#lines.shift();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }
}

function worldOf(answer: (question: string) => readonly string[] | undefined): {
  timers: Timers;
  told: string[];
  source: NutSource;
} {
  const timers = new Timers();
  const told: string[] = [];
  const sink: SourceSink = {
    observed: ({ subject, states }) => told.push(`${subject.id.split('@')[0]} ${states?.join()}`),
    lost: ({ id }) => told.push(`${id.split('@')[0]} lost`),
  };
  const address = { host: 'nut.example', port: 3493, pollMs: 5000 };
  const connect = async (): Promise<LineSocket> => new Upsd(answer);
  const source = new NutSource(timers.env, sink, { ...address, ups: [], connect });
  source.start();
  return { timers, told, source };
}

function upsd(names: () => readonly string[]): (question: string) => readonly string[] {
  return (question) => {
    if (question === 'LIST UPS') {
      const rows = names().map((name) => `UPS ${name} "x"`);
      return ['BEGIN LIST UPS', ...rows, 'END LIST UPS'];
    }
    const of = question.slice('LIST VAR '.length);
    return [`BEGIN LIST VAR ${of}`, `VAR ${of} ups.status "OL"`, `END LIST VAR ${of}`];
  };
}

test('a server that names a UPS as none can be called is a source that is down, and no crash', async () => {
  const { timers, source } = worldOf(upsd(() => ['"a b"']));
  await timers.pass(0);
  assert.match(source.status().reason ?? '', /cannot be called/);
  await source.stop();
});

test('a UPS that is not listed any more is lost once, and not remembered', async () => {
  let names = ['rack', 'desk'];
  const { timers, told, source } = worldOf(upsd(() => names));
  await timers.pass(0);
  names = ['desk'];
  told.length = 0;
  await timers.pass(5000);
  await timers.pass(5000);
  assert.equal(
    told.filter((line) => line.startsWith('rack')),
    ['rack lost', 'rack comm-lost'],
  );
  await source.stop();
});

test('stopping in the middle of a question says nothing of the UPSs', async () => {
  let isSilent = false;
  const answer = upsd(() => ['rack']);
  const { timers, told, source } = worldOf((question) => (isSilent ? undefined : answer(question)));
  await timers.pass(0);
  isSilent = true;
  told.length = 0;
  await timers.pass(5000);
  await source.stop();
  assert.equal(told, []);
});

test('a server that never comes to an end is given up, and its UPSs are lost', async () => {
  let isSilent = false;
  const answer = upsd(() => ['rack']);
  const { timers, told, source } = worldOf((question) => (isSilent ? undefined : answer(question)));
  await timers.pass(0);
  isSilent = true;
  told.length = 0;
  await timers.pass(5000);
  assert.equal(told, []);
  await timers.pass(30_000);
  assert.equal(told, ['rack lost', 'rack comm-lost']);
  await source.stop();
});

test.run();

const sockets = suite<{ server: Server; port: number; peers: Socket[] }>('openLineSocket');

sockets.before.each(async (state) => {
  state.peers = [];
  state.server = createServer((socket) => {
    state.peers.push(socket);
    socket.on('data', (data) => {
      if (!String(data).includes('silence')) socket.write('hello\n');
    });
  });
  await new Promise<void>((resolve) => state.server.listen(0, '127.0.0.1', () => resolve()));
  const address = state.server.address();
  state.port = typeof address === 'object' ? (address?.port ?? 0) : 0;
});

sockets.after.each(async ({ server, peers }) => {
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => server.close(resolve));
});

sockets(
  'a connection that nobody asks anything stays open for longer than an answer may take',
  async ({ port }) => {
    const lines = await openLineSocket({ host: '127.0.0.1', port }, 60);
    lines.write('a\n');
    assert.is(await lines.readLine(), 'hello');
    await new Promise((resolve) => setTimeout(resolve, 250));
    lines.write('b\n');
    assert.is(await lines.readLine(), 'hello');
    lines.close();
  },
);

sockets('a server that does not answer fails within the time', async ({ port }) => {
  const lines = await openLineSocket({ host: '127.0.0.1', port }, 60);
  lines.write('silence\n');
  try {
    await lines.readLine();
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'no answer within 60 ms');
  }
});

sockets.run();
