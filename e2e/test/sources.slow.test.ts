import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { demand, findProgram, isWanted } from '@writ/e2e/harness/foreign';
import { freePort } from '@writ/e2e/harness/ports';
import { findDummyUps, Upsd } from '@writ/e2e/harness/upsd';
import { openLineSocket } from '@writ/policy/agent/sources/line-socket';
import { NutSource } from '@writ/policy/agent/sources/nut';
import { PrometheusSource } from '@writ/policy/agent/sources/prometheus';
import type { SourceEnv, SourceSink } from '@writ/policy/agent/sources/source';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('sources of events');

const env: SourceEnv = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  later: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** What a source told, in words. */
class Told implements SourceSink {
  readonly states: string[] = [];
  readonly lostIds: string[] = [];
  readonly metrics = new Map<string, unknown>();
  readonly observed: SourceSink['observed'] = ({ subject, states, samples }) => {
    const text = `${subject.id.split(':')[0]}: ${(states ?? []).join(' ')}`;
    if (states !== undefined && this.states.at(-1) !== text) this.states.push(text);
    for (const [name, value] of samples ?? []) this.metrics.set(`${subject.id} ${name}`, value);
  };
  readonly lost: SourceSink['lost'] = ({ id }) => {
    this.lostIds.push(id);
  };
  async until(isThere: () => boolean): Promise<void> {
    for (let tries = 0; tries < 100 && !isThere(); tries += 1) await sleep(100);
    assert.ok(
      isThere(),
      `told: ${JSON.stringify(this.states)} ${JSON.stringify([...this.metrics])}`,
    );
  }
}

const nut = {
  'nut-server (dummy-ups)': findDummyUps(),
  'nut-client (upsrw)': findProgram('upsrw'),
};

if (isWanted('a UPS that goes on battery and comes back, and an upsd that dies', nut)) {
  test('a UPS that goes on battery and comes back, and an upsd that dies', async () => {
    demand(nut);
    const upsd = await Upsd.start();
    const told = new Told();
    const options = { host: '127.0.0.1', port: upsd.port, ups: [], pollMs: 200 };
    const source = new NutSource(env, told, { ...options, connect: openLineSocket });
    source.start();
    try {
      await told.until(() => told.states.length === 1);
      await upsd.set('OB');
      await told.until(() => told.states.length === 2);
      await upsd.set('OB LB');
      await told.until(() => told.states.length === 3);
      await upsd.set('OL');
      await told.until(() => told.states.length === 4);
      assert.equal(told.states, [
        'dummy@127.0.0.1: mains-returned battery-ok',
        'dummy@127.0.0.1: mains-lost battery-ok',
        'dummy@127.0.0.1: mains-lost low-battery',
        'dummy@127.0.0.1: mains-returned battery-ok',
      ]);
      assert.is(told.metrics.get(`dummy@127.0.0.1:${upsd.port} ups.runtime_minutes`), 60);
      assert.is(source.status().isUp, true);
    } finally {
      await upsd.stop();
    }
    await told.until(() => told.lostIds.length > 0);
    assert.is(told.states.at(-1), 'dummy@127.0.0.1: comm-lost');
    assert.is(source.status().isUp, false);
    await source.stop();
  });
}

test('a server that is no upsd is a source that is down, and nothing worse', async () => {
  const server = createServer((_, response) => response.end('x'.repeat(100_000)));
  const port = await listen(server);
  const told = new Told();
  const options = { host: '127.0.0.1', port, ups: [], pollMs: 50, connect: openLineSocket };
  const source = new NutSource(env, told, options);
  source.start();
  for (let tries = 0; tries < 50 && source.status().reason === 'not asked yet'; tries += 1)
    await sleep(50);
  assert.is(source.status().isUp, false);
  assert.match(source.status().reason ?? '', /upsd|127\.0\.0\.1/);
  await source.stop();
  server.close();
  server.closeAllConnections();
  assert.equal(told.states, []);
});

const prometheus = { prometheus: findProgram('prometheus') };

if (isWanted('Prometheus answers for each series, and is down when it is gone', prometheus)) {
  test('Prometheus answers for each series, and is down when it is gone', async () => {
    demand(prometheus);
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
    const metrics = createServer((_, response) => {
      response.end(
        'temperature{node="a"} 21.5\ntemperature{node="b"} 44\ntemperature{node="c"} NaN\n',
      );
    });
    const target = await listen(metrics);
    const port = await freePort();
    const child = startPrometheus(folder, port, target);
    const told = new Told();
    const subject = { kind: 'host', id: 'prometheus' } as const;
    const query = { metric: 'room.temperature', query: 'temperature', label: 'node', subject };
    const source = new PrometheusSource(env, told, {
      url: `http://127.0.0.1:${port}`,
      queries: [query],
      pollMs: 200,
      fetch,
    });
    source.start();
    try {
      await told.until(() => told.metrics.size === 2);
      assert.equal(Object.fromEntries(told.metrics), {
        'a room.temperature': 21.5,
        'b room.temperature': 44,
      });
    } finally {
      child.kill('SIGKILL');
      metrics.close();
      metrics.closeAllConnections();
    }
    const lostBefore = told.lostIds.length;
    await told.until(() => told.lostIds.length > lostBefore);
    assert.is(source.status().isUp, false);
    await source.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}

function startPrometheus(folder: string, port: number, target: number): ChildProcess {
  const config = join(folder, 'prometheus.yml');
  const job = `  - job_name: room\n    static_configs:\n      - targets: ['127.0.0.1:${target}']\n`;
  writeFileSync(config, `global:\n  scrape_interval: 1s\nscrape_configs:\n${job}`);
  const storage = `--storage.tsdb.path=${join(folder, 'data')}`;
  const listen = `--web.listen-address=127.0.0.1:${port}`;
  return spawn('prometheus', [`--config.file=${config}`, storage, listen], { stdio: 'ignore' });
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

test.run();
