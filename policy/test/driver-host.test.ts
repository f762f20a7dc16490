import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLogError } from '@writ/core/errors';
import { isNoChange } from '@writ/policy/engine/plan-preview';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerOf, codeOf, TURN_ON, withLamp } from './driver-world.ts';

const host = suite('driver host');
const SOON = { deadlineMs: 10_000 };

host('hands over the call and gives back the answer', async () => {
  await withLamp('return answer(call, context);', async (lamp) => {
    const answer = answerOf(await lamp.call(TURN_ON, SOON));
    assert.is(answer.idempotency_key, lamp.keyOf(TURN_ON));
    assert.equal(answer.effects.per_target, [{ id: 'outlet:1', from: 'off', to: 'on' }]);
  });
});

host('keeps one process for all calls', async () => {
  const body =
    'globalThis.calls = (globalThis.calls ?? 0) + 1; return answer(call, context, { reason: String(globalThis.calls) });';
  await withLamp(body, async (lamp) => {
    await lamp.call(TURN_ON, SOON);
    assert.is(answerOf(await lamp.call(TURN_ON, SOON)).reason, '2');
    assert.is(lamp.stats.started, 1);
  });
});

host('makes calls of one host one after the other', async () => {
  const body = `globalThis.running = (globalThis.running ?? 0) + 1;
    const seen = globalThis.running;
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.running--;
    return answer(call, context, { reason: String(seen) });`;
  await withLamp(body, async (lamp) => {
    const results = await Promise.all([1, 2, 3].map(() => lamp.call(TURN_ON, SOON)));
    assert.equal(
      results.map((result) => answerOf(result).reason),
      ['1', '1', '1'],
    );
  });
});

host('refuses calls that the manifest does not have, without asking the driver', async () => {
  await withLamp('return answer(call, context);', async (lamp) => {
    const calls = [
      { ...TURN_ON, capability: 'lamp.color' },
      { ...TURN_ON, verb: 'explode' },
      { ...TURN_ON, target: 'vm:1' },
      { ...TURN_ON, target: 'outlet' },
      { ...TURN_ON, params: { level: 1 } },
    ];
    for (const call of calls) {
      const result = await lamp.call(call, SOON);
      assert.is(codeOf(result), 'request-invalid');
      assert.is('failure' in result && result.failure.outcome, 'none');
    }
    assert.is(lamp.stats.started, 0);
  });
});

host(
  'dry-run issues no mutating call, and "unsupported" is never shown as "no change"',
  async () => {
    await withLamp('throw new Error("asked");', async (lamp) => {
      const call = { ...TURN_ON, capability: 'lamp.blink', verb: 'blink', dryRun: true };
      const answer = answerOf(await lamp.call(call, SOON));
      assert.is(answer.ok, false);
      assert.is(answer.severity, 'error');
      assert.is(answer.reason, 'dry-run-unsupported');
      assert.is(isNoChange(answer), false);
      assert.is(lamp.stats.started, 0);
    });
  },
);

const WRONG_SHAPES = [
  ['nothing', 'return null;'],
  ['a text', 'return "ok";'],
  ['another key', 'return answer(call, context, { idempotency_key: "0".repeat(64) });'],
  [
    'a key made of the time',
    'return answer(call, context, { idempotency_key: String(context.nowMs) });',
  ],
  ['a member too many', 'return answer(call, context, { extra: 1 });'],
  ['a member too few', 'const { plan, ...rest } = answer(call, context); return rest;'],
  ['blocker', 'return answer(call, context, { severity: "blocker" });'],
  ['success with an error', 'return answer(call, context, { severity: "error" });'],
  [
    'a change without a plan',
    'return answer(call, context, { plan: { kind: "none", preview: [] } });',
  ],
  [
    'somebody else as target',
    'return answer(call, context, { effects: { summary: "", per_target: [{ id: "outlet:2", from: null, to: null }] } });',
  ],
  ['a lone surrogate', 'return answer(call, context, { reason: "\\ud800" });'],
  ['failure without a reason', 'return answer(call, context, { ok: false, severity: "error" });'],
] as const;

for (const [what, body] of WRONG_SHAPES) {
  host(`takes ${what} for a structural mismatch`, async () => {
    await withLamp(body, async (lamp) => {
      const result = await lamp.call(TURN_ON, SOON);
      assert.is(codeOf(result), 'driver-answer-malformed');
      assert.is('failure' in result && result.failure.outcome, 'unknown');
    });
  });
}

host('kills a driver that does not answer, and starts another for the next call', async () => {
  const body = 'if (call.target === "outlet:9") for (;;); return answer(call, context);';
  await withLamp(body, async (lamp) => {
    assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'answer');
    const result = await lamp.call({ ...TURN_ON, target: 'outlet:9' }, { deadlineMs: 300 });
    assert.is(codeOf(result), 'driver-timeout');
    assert.is('failure' in result && result.failure.outcome, 'unknown');
    assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'answer');
    assert.is(lamp.stats.started, 2);
    assert.is(lamp.stats.killed, 1);
  });
});

host('is not stopped by a driver that ignores SIGTERM and its cancelled signal', async () => {
  const body = `process.on('SIGTERM', () => {}); process.on('SIGINT', () => {});
    context.signal.addEventListener('abort', () => {});
    await new Promise((resolve) => setTimeout(resolve, 60_000)); return answer(call, context);`;
  await withLamp(body, async (lamp) => {
    await lamp.call(TURN_ON, { deadlineMs: 300 });
    assert.is(lamp.stats.killed, 1);
  });
});

host('gives a call up when its caller does, and says that the outcome is unknown', async () => {
  await withLamp('await new Promise(() => {}); ', async (lamp) => {
    const controller = new AbortController();
    const call = lamp.call(TURN_ON, { ...SOON, signal: controller.signal });
    await sleep(200);
    controller.abort();
    const result = await call;
    assert.is(codeOf(result), 'driver-cancelled');
  });
});

host('does not kill the call that runs when one that waits runs out of time', async () => {
  const body =
    'await new Promise((resolve) => setTimeout(resolve, 600)); return answer(call, context);';
  await withLamp(body, async (lamp) => {
    const running = lamp.call(TURN_ON, SOON);
    const waiting = await lamp.call(TURN_ON, { deadlineMs: 100 });
    assert.is(codeOf(waiting), 'driver-timeout');
    assert.is('failure' in waiting && waiting.failure.outcome, 'none');
    assert.is(codeOf(await running), 'answer');
    assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'answer');
  });
});

host('refuses a call more than may wait', async () => {
  await withLamp('await new Promise(() => {});', async (lamp) => {
    const calls = Array.from({ length: 65 }, () => lamp.call(TURN_ON, { deadlineMs: 400 }));
    const codes = (await Promise.all(calls)).map(codeOf);
    assert.is(codes.filter((code) => code === 'driver-busy').length, 1);
    assert.is(codes.filter((code) => code === 'driver-timeout').length, 64);
  });
});

host('cuts off an answer of 100 MB', async () => {
  const body = 'return answer(call, context, { reason: "x".repeat(100_000_000) });';
  await withLamp(
    body,
    async (lamp) => {
      const before = process.memoryUsage().arrayBuffers;
      assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'driver-answer-too-large');
      assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024);
    },
    { manifest: await manifestWith('memory_mb: 1024') },
  );
});

host('kills a driver that takes more memory than it may, on the heap and beside it', async () => {
  const hog =
    'const kept = []; for (;;) { kept.push(Buffer.alloc(8_000_000, 1)); await new Promise((resolve) => setTimeout(resolve, 10)); }';
  await withLamp(hog, async (lamp) => {
    assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'driver-memory');
  });
  const heap = 'const kept = []; for (;;) { kept.push(new Array(10_000).fill({})); }';
  await withLamp(heap, async (lamp) => {
    assert.match(
      codeOf(await lamp.call(TURN_ON, { deadlineMs: 30_000 })),
      /^driver-(?:crashed|memory|output)$/,
    );
  });
});

host('kills a driver that floods its output', async () => {
  const body =
    'for (;;) { process.stderr.write("x".repeat(65536)); await new Promise(setImmediate); }';
  await withLamp(body, async (lamp) => {
    assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'driver-output');
  });
});

host('says so when a driver ends in the middle of a call, with its last words', async () => {
  const body = 'console.error("out of luck"); process.exit(3);';
  await withLamp(body, async (lamp) => {
    const result = await lamp.call(TURN_ON, SOON);
    assert.is(codeOf(result), 'driver-crashed');
    assert.match('failure' in result ? result.failure.message : '', /exit code 3/);
    assert.is('failure' in result && result.failure.outcome, 'unknown');
  });
});

host(
  'throws away what a driver says unasked, counts it, and does not trust the process again',
  async () => {
    const body = `const { writeSync } = await import('node:fs');
    setTimeout(() => writeSync(3, JSON.stringify({ id: 3, result: 1 }) + '\\n'), 50);
    return answer(call, context);`;
    await withLamp(body, async (lamp) => {
      assert.is(codeOf(await lamp.call(TURN_ON, SOON)), 'answer');
      for (let i = 0; i < 100 && lamp.stats.lateAnswers === 0; i++) await sleep(20);
      await lamp.call(TURN_ON, SOON);
      assert.is(lamp.stats.started, 2);
    });
  },
);

host('starts a driver with no environment, in an empty folder, with nothing to read', async () => {
  process.env['WRIT_TEST_SECRET'] = 'ambient';
  const body = `const { readdirSync, readFileSync, writeFileSync } = await import('node:fs');
    const tries = [
      () => JSON.stringify(process.env),
      () => process.cwd().split('/').at(-1),
      () => readFileSync('/etc/passwd', 'utf8'),
      () => readdirSync('/').join(),
      () => writeFileSync(process.cwd() + '/x', 'x'),
    ];
    const seen = tries.map((attempt) => { try { return attempt(); } catch (error) { return error.code; } });
    return answer(call, context, { reason: JSON.stringify(seen) });`;
  await withLamp(body, async (lamp) => {
    const { reason } = answerOf(await lamp.call(TURN_ON, SOON));
    const denied = 'ERR_ACCESS_DENIED';
    assert.equal(JSON.parse(reason ?? ''), ['{}', 'work', denied, denied, denied]);
  });
  delete process.env['WRIT_TEST_SECRET'];
});

host(
  'lets a driver start no process, no thread, no other code, and reach no process of the node',
  async () => {
    const body = `const tries = [
      async () => (await import('node:child_process')).execFileSync('/bin/true'),
      async () => new (await import('node:worker_threads')).Worker('1', { eval: true }),
      async () => process.kill(process.ppid, 0),
      async () => process._kill(process.ppid, 0),
      async () => process.binding('tcp_wrap'),
      async () => process._debugProcess(process.ppid),
      async () => new Function('return 1')(),
      async () => (await import('node:inspector')).open(0),
    ];
    const seen = [];
    for (const attempt of tries) try { await attempt(); seen.push('done'); } catch { seen.push('refused'); }
    return answer(call, context, { reason: JSON.stringify(seen) });`;
    await withLamp(body, async (lamp) => {
      const { reason } = answerOf(await lamp.call(TURN_ON, SOON));
      assert.equal(JSON.parse(reason ?? ''), Array(8).fill('refused'));
    });
  },
);

host('kills the children of a driver that may have some', async () => {
  const body = `const { spawn } = await import('node:child_process');
    const child = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
    console.error('child', child.pid);
    await new Promise(() => {});`;
  const manifest = `${await manifestWith('memory_mb: 128')}permissions: [child-process]\n`;
  await withLamp(
    body,
    async (lamp) => {
      assert.is(await sleepers(), 0);
      const call = lamp.call(TURN_ON, { deadlineMs: 700 });
      await sleep(500);
      assert.is(await sleepers(), 1);
      assert.is(codeOf(await call), 'driver-timeout');
      await sleep(100);
      assert.is(await sleepers(), 0);
    },
    { manifest },
  );
});

host('opens the declared addresses and no others', async () => {
  const heard: string[] = [];
  const [open, closed] = await Promise.all(['open', 'closed'].map((name) => listener(name, heard)));
  const body = `const net = await import('node:net');
    const dns = await import('node:dns');
    const dgram = await import('node:dgram');
    const { request } = await import('node:http');
    const visit = (options) => new Promise((resolve) => {
      const socket = net.connect(options);
      socket.on('connect', () => { socket.destroy(); resolve('open'); });
      socket.on('error', (error) => resolve(error.code));
    });
    const [port, other] = call.params.ports ?? context.connection.address.split('|').map(Number);
    const attempt = async (run) => { try { return (await run()) ?? 'open'; } catch (error) { return error.code ?? String(error); } };
    const seen = [
      await visit({ host: 'localhost', port }),
      await visit({ host: '127.0.0.1', port }),
      await visit({ host: 'localhost', port: other }),
      await visit({ host: '127.0.0.1', port: other }),
      await visit({ host: 'localhost', port, lookup: (name, options, done) => options.all ? done(null, [{ address: '127.0.0.2', family: 4 }]) : done(null, '127.0.0.2', 4) }),
      await visit({ path: '/run/some.sock' }),
      await attempt(() => fetch('http://127.0.0.1:' + other).then(() => 'open', (error) => error.cause.code)),
      await attempt(() => new Promise((resolve) => request('http://127.0.0.1:' + other, () => resolve('open')).on('error', (error) => resolve(error.code)).end())),
      await attempt(() => dns.promises.lookup('example.org')),
      await attempt(() => new Promise((resolve) => dns.lookup('secret.example.org', (error) => resolve(error.code)))),
      await attempt(() => dns.promises.resolve4('secret.example.org')),
      await attempt(() => new dns.Resolver()),
      await attempt(() => dgram.createSocket('udp4')),
      await attempt(() => net.createServer().listen(0)),
      await attempt(() => { net.Socket.prototype.connect = 1; }),
    ];
    return answer(call, context, { reason: JSON.stringify(seen) });`;
  const manifest = `${await manifestWith('memory_mb: 256')}network: ['localhost:${open?.port}']\n`;
  const connection = { address: `${open?.port}|${closed?.port}` };
  await withLamp(
    body,
    async (lamp) => {
      const { reason } = answerOf(await lamp.call(TURN_ON, SOON));
      const seen: unknown[] = JSON.parse(reason ?? '');
      assert.equal(seen.slice(0, 2), ['open', 'open']);
      assert.equal(seen.slice(2, 14), Array(12).fill('ERR_ACCESS_DENIED'));
      assert.match(String(seen[14]), /TypeError|read only/);
    },
    { manifest, connection },
  );
  assert.ok(heard.includes('open'));
  assert.not(heard.includes('closed'));
  open?.close();
  closed?.close();
});

host('takes the secrets of a connection out of answers and failures', async () => {
  const connection = { token: 'hunter2-and-more' };
  const body = `if (call.dryRun) throw new Error('cannot use ' + context.connection.token);
    return answer(call, context, { plan: { kind: 'cli', preview: [{ argv: [context.connection.token] }] } });`;
  await withLamp(
    body,
    async (lamp) => {
      for (const dryRun of [true, false]) {
        const shown = JSON.stringify(await lamp.call({ ...TURN_ON, dryRun }, SOON));
        assert.not.match(shown, 'hunter2');
        assert.match(shown, '[secret]');
      }
    },
    { connection },
  );
});

host('refuses a connection that is not of the schema', async () => {
  for (const connection of [{ adress: 'x:1' }, { address: 1 }, { token: 'short' }, []]) {
    let code = 'opened';
    await withLamp('', async () => {}, { connection }).catch((error: unknown) => {
      code = isLogError(error) ? error.code : String(error);
    });
    assert.is(code, 'config-invalid');
  }
});

host('says what kind of failure a driver met, and which kinds leave the outcome open', async () => {
  const cases = [
    ["Object.assign(new Error('no'), { code: 'ECONNREFUSED' })", 'target-unreachable', 'reported'],
    ["Object.assign(new Error('no'), { code: 'ECONNRESET' })", 'outcome-unknown', 'unknown'],
    [
      "Object.assign(new Error('no'), { code: 'permission-denied' })",
      'permission-denied',
      'reported',
    ],
    ["Object.assign(new Error('no'), { code: 'driver-timeout' })", 'driver-failed', 'unknown'],
    ["new TypeError('oops')", 'driver-failed', 'unknown'],
    ['undefined', 'driver-failed', 'unknown'],
  ] as const;
  for (const [thrown, code, outcome] of cases) {
    await withLamp(`throw ${thrown};`, async (lamp) => {
      const result = await lamp.call(TURN_ON, SOON);
      assert.is(codeOf(result), code, thrown);
      assert.is('failure' in result && result.failure.outcome, outcome, thrown);
    });
  }
});

host('says that a driver that cannot be loaded did nothing', async () => {
  await withLamp('} }; throw new Error("broken"); const rest = { x() {', async (lamp) => {
    const result = await lamp.call(TURN_ON, SOON);
    assert.is(codeOf(result), 'driver-start-failed');
    assert.is('failure' in result && result.failure.outcome, 'none');
  });
});

async function manifestWith(defaults: string): Promise<string> {
  const { LAMP } = await import('./driver-world.ts');
  return LAMP.replace('memory_mb: 128', defaults);
}

/** How many of our grandchildren sleep. */
async function sleepers(): Promise<number> {
  let found = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.replaceAll('\0', ' ').trim() === '/bin/sleep 600') found++;
  }
  return found;
}

function listener(name: string, heard: string[]): Promise<{ port: number; close: () => void }> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      heard.push(name);
      socket.on('error', () => {});
      socket.destroy();
    });
    server.listen(0, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new RangeError('no port');
      resolve({ port: address.port, close: () => server.close() });
    });
  });
}

host.run();
