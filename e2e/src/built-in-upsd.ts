// A UPS server that speaks the protocol of upsd (RFC 9271) as far as reading goes, for machines without NUT.

import { createServer, type Server, type Socket } from 'node:net';
import { HOST } from './ports.ts';

/** One UPS named `demo`, whose status is set here. */
export class BuiltInUpsd {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #status = 'OL';

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static start(): Promise<BuiltInUpsd> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => upsd.#serve(socket));
      let upsd: BuiltInUpsd;
      server.once('error', reject);
      server.listen(0, HOST, () => {
        const address = server.address();
        upsd = new BuiltInUpsd(server, typeof address === 'object' ? (address?.port ?? 0) : 0);
        resolve(upsd);
      });
    });
  }

  async set(status: string): Promise<void> {
    this.#status = status;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy());
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      const lines = `${text}${chunk}`.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) socket.write(this.#answer(line.trim()));
    });
  }

  #answer(line: string): string {
    if (line === 'LIST UPS') return 'BEGIN LIST UPS\nUPS demo "Demo UPS"\nEND LIST UPS\n';
    if (line !== 'LIST VAR demo')
      return line === 'LOGOUT' ? 'OK Goodbye\n' : 'ERR UNKNOWN-COMMAND\n';
    const variables = {
      'ups.status': this.#status,
      'battery.charge': '98',
      'battery.runtime': '2400',
    };
    const rows = Object.entries(variables).map(([name, value]) => `VAR demo ${name} "${value}"\n`);
    return `BEGIN LIST VAR demo\n${rows.join('')}END LIST VAR demo\n`;
  }
}
