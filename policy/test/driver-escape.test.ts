// What a driver cannot do with the documented interfaces of Node beside those that driver-host.test.ts tries, and what is
// left of secrets where texts are cut.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerOf, TURN_ON, withLamp } from './driver-world.ts';

const SOON = { deadlineMs: 10_000 };
const host = suite('driver escapes');

host(
  'lets a driver reach no file past the permission model, and no priority of the node',
  async () => {
    const body = `const get = async (name) => (await import(name)).default;
    const tries = [
      async () => (await get('node:v8')).setFlagsFromString('--trace-turbo-path=/tmp'),
      async () => (await import('node:v8')).setFlagsFromString('--trace-turbo'),
      async () => (await import('node:v8')).setHeapSnapshotNearHeapLimit(1),
      async () => (await import('node:trace_events')).createTracing({ categories: ['v8'] }).enable(),
      async () => new (await import('node:sqlite')).DatabaseSync('/etc/passwd'),
      async () => new (process.getBuiltinModule('node:sqlite').DatabaseSync)('/etc/passwd'),
      async () => new (process.getBuiltinModule('node:net').BoundSocket)({ port: 0 }),
      async () => (await import('node:net'))._createServerHandle('127.0.0.1', 0, 4),
      async () => (await import('node:dgram'))._createSocketHandle('127.0.0.1', 0, 'udp4'),
      async () => (await import('node:os')).setPriority(process.ppid, 19),
      async () => new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } }),
      async () => { if (!process.execve) throw new Error(); process.execve('/bin/true', ['true'], {}); },
    ];
    const seen = [];
    for (const attempt of tries) try { await attempt(); seen.push('done'); } catch { seen.push('refused'); }
    return answer(call, context, { reason: JSON.stringify(seen) });`;
    await withLamp(body, async (lamp) => {
      const { reason } = answerOf(await lamp.call(TURN_ON, SOON));
      assert.equal(JSON.parse(reason ?? ''), Array(12).fill('refused'));
    });
  },
);

host(
  'leaves no part of a secret where a message or the last words are cut in the middle of one',
  async () => {
    const connection = { token: 'hunter2-and-a-lot-more' };
    const bodies = [
      `throw new Error('x'.repeat(1990) + context.connection.token);`,
      `throw new Error('x'.repeat(490) + context.connection.token);`,
      `console.error('y'.repeat(500) + context.connection.token + 'z'.repeat(386)); process.exit(3);`,
      `console.error(context.connection.token + 'z'.repeat(990)); process.exit(3);`,
      `return answer(call, context, { reason: ('x'.repeat(490) + context.connection.token).slice(0, 500) });`,
    ];
    for (const body of bodies)
      await withLamp(
        body,
        async (lamp) => {
          const shown = JSON.stringify(await lamp.call(TURN_ON, SOON));
          for (let at = 0; at + 4 <= connection.token.length; at++)
            assert.not.ok(shown.includes(connection.token.slice(at, at + 4)), `${body}: ${shown}`);
        },
        { connection },
      );
  },
);

host.run();
