// An SSH server that lets everybody in and writes down what they ask it to run.

import { generateKeyPairSync } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { formatBase64 } from '@writ/core/bytes';
import ssh2, { type ServerChannel } from 'ssh2';
import type { Recorder } from './recorder.ts';

const { Server, utils } = ssh2;

/** Starts one on loopback: `{ssh}` is its address, `{ssh.host_key}` its key. A command or a login counts as done. */
export async function openSshRecorder(): Promise<Recorder> {
  const done: string[] = [];
  const clients = new Set<EventEmitter & { end?: () => void }>();
  let isStalled = false;
  const hostKey = makeHostKey();
  const server = new Server({ hostKeys: [hostKey.secret] }, (client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('authentication', (context: { method: string; accept: () => void }) => {
      // Whoever only looks does not log in; `none` is how clients ask what there is.
      if (context.method !== 'none') done.push(`a login by ${context.method}`);
      if (!isStalled) context.accept();
    });
    client.on('session', (acceptSession: () => EventEmitter) => {
      const session = acceptSession();
      session.on(
        'exec',
        (accept: () => ServerChannel, _reject: unknown, info: { command: string }) => {
          done.push(`the command ${info.command}`);
          if (isStalled) return;
          const channel = accept();
          channel.exit(0);
          channel.end();
        },
      );
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    values: new Map([
      ['{ssh}', `127.0.0.1:${server.address().port}`],
      ['{ssh.host_key}', hostKey.shown],
    ]),
    mutations: async () => [...done],
    stall: () => {
      isStalled = true;
    },
    close: () =>
      new Promise((resolve) => {
        for (const client of clients) client.end?.();
        server.close(() => resolve());
      }),
  };
}

function makeHostKey(): { secret: string; shown: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const secret = String(privateKey.export({ type: 'sec1', format: 'pem' }));
  const parsed = utils.parseKey(secret);
  if (parsed instanceof Error) throw parsed;
  return { secret, shown: `${parsed.type} ${formatBase64(parsed.getPublicSSH())}` };
}
