// A TCP connection as lines, with limits: for the protocol of upsd.

import { connect, type Socket } from 'node:net';
import { LogError } from '@writ/core/errors';
import { type LineSocket, MAX_NUT_LINE } from './nut-client.ts';

/** Longest silence while a line or the connection is waited for, in milliseconds. */
const TIMEOUT_MS = 5000;
/** Most bytes that wait unread; more is a peer that floods. */
const MAX_BUFFERED = 256 * 1024;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Connects. Rejects with LogError network-failed. */
export async function openLineSocket(
  { host, port }: Address,
  timeoutMs: number = TIMEOUT_MS,
): Promise<LineSocket> {
  const socket = connect({ host, port });
  const lines = new Lines(socket, `${host}:${port}`, timeoutMs);
  await lines.opened;
  return lines;
}

class Lines implements LineSocket {
  readonly opened: Promise<void>;
  readonly #socket: Socket;
  readonly #name: string;
  readonly #timeoutMs: number;
  #text = '';
  #error: LogError | undefined;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, name: string, timeoutMs: number) {
    this.#socket = socket;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    socket.setTimeout(timeoutMs);
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => this.#take(String(chunk)));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('timeout', () => this.#fail(`no answer within ${timeoutMs} ms`));
    this.opened = new Promise((resolve, reject) => {
      socket.once('connect', () => {
        // Between two questions a connection may be silent for as long as it likes.
        socket.setTimeout(0);
        resolve();
      });
      socket.once('close', () => reject(this.#error ?? this.#failure('closed')));
    });
  }

  write(text: string): void {
    if (!this.#isEnded) this.#socket.write(text, 'latin1');
  }

  async readLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end > MAX_NUT_LINE || (end === -1 && this.#text.length > MAX_NUT_LINE))
        throw new LogError('response-malformed', `${this.#name} sent a line over ${MAX_NUT_LINE}`);
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        if (this.#socket.isPaused()) this.#socket.resume();
        return line.endsWith('\r') ? line.slice(0, -1) : line;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) return undefined;
      this.#socket.setTimeout(this.#timeoutMs);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#socket.setTimeout(0);
    }
  }

  close(): void {
    this.#isEnded = true;
    this.#socket.destroySoon();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    if (this.#text.length > MAX_BUFFERED) this.#socket.pause();
    this.#wake();
  }

  #fail(reason: string): void {
    this.#error ??= this.#failure(reason);
    this.#socket.destroy();
    this.#wake();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  #failure(reason: string): LogError {
    return new LogError('network-failed', `${this.#name}: ${reason}`);
  }
}
