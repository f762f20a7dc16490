// A load generator on raw sockets, run as a process of its own: keep-alive, one request at a time on each
// connection, as little work as possible so that the server gets the cores.
//
// Started by `runLoad` with one job over IPC; answers with one report and ends.

import { connect, type Socket } from 'node:net';

/** What to send. Every body is unique: bytes 0..7 of the entry are a counter. */
export interface LoadJob {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  readonly request: RequestShape;
  /** Requests a second over all connections; undefined sends as fast as answers come. */
  readonly openLoopRate?: number;
  /** First value of the counter, so that runs against one server stay unique. */
  readonly firstCounter?: number;
}

export type RequestShape =
  | { readonly kind: 'get'; readonly path: string }
  | { readonly kind: 'add'; readonly path: string; readonly entryBytes: number }
  | {
      readonly kind: 'batch';
      readonly path: string;
      readonly entryBytes: number;
      readonly entries: number;
    }
  | {
      readonly kind: 'prepared';
      readonly path: string;
      readonly contentType: string;
      readonly bodiesFile: string;
    };

export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
  readonly firstFailure: string;
  /** Response bodies, one for each request, in order of completion, when they are short. */
  readonly answers: readonly string[];
}

const HEADER_END = Buffer.from('\r\n\r\n');

/** Makes the bytes of request number `n` in a buffer that its connection owns. */
type MakeRequest = (n: number, connection: number) => Buffer | undefined;

function requestMaker(
  shape: RequestShape,
  prepared: Buffer[][],
  firstCounter: number,
): MakeRequest {
  if (shape.kind === 'get') {
    const bytes = Buffer.from(`GET ${shape.path} HTTP/1.1\r\nhost: bench\r\n\r\n`);
    return () => bytes;
  }
  if (shape.kind === 'prepared') return (_, connection) => prepared[connection]?.shift();
  const entries = shape.kind === 'batch' ? shape.entries : 1;
  const body =
    shape.kind === 'batch'
      ? batchBody(shape.entryBytes, entries)
      : Buffer.alloc(shape.entryBytes, 0x5a);
  const type = shape.kind === 'batch' ? 'application/cbor-seq' : 'application/octet-stream';
  const head = postHead(shape.path, type, body.length);
  const stride = shape.kind === 'batch' ? 3 + shape.entryBytes : shape.entryBytes;
  const offset = head.length + (shape.kind === 'batch' ? 3 : 0);
  const buffers = new Map<number, Buffer>();
  return (n, connection) => {
    const bytes = buffers.get(connection) ?? Buffer.concat([head, body]);
    buffers.set(connection, bytes);
    for (let i = 0; i < entries; i++)
      bytes.writeDoubleBE(firstCounter + n * entries + i, offset + i * stride);
    return bytes;
  };
}

function postHead(path: string, type: string, length: number): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`,
  );
}

/** A CBOR sequence of byte strings with 16-bit lengths (RFC 8742). */
function batchBody(entryBytes: number, entries: number): Buffer {
  const item = Buffer.alloc(3 + entryBytes, 0x5a);
  item[0] = 0x59;
  item.writeUInt16BE(entryBytes, 1);
  return Buffer.concat(Array.from({ length: entries }, () => item));
}

/** Splits what `preparedBodies` wrote: u32 connection, u32 length, bytes. */
export function readPrepared(
  file: Buffer,
  connections: number,
  path: string,
  type: string,
): Buffer[][] {
  const bodies: Buffer[][] = Array.from({ length: connections }, () => []);
  for (let at = 0; at < file.length; ) {
    const connection = file.readUInt32BE(at);
    const length = file.readUInt32BE(at + 4);
    const body = file.subarray(at + 8, at + 8 + length);
    bodies[connection]?.push(Buffer.concat([postHead(path, type, length), body]));
    at += 8 + length;
  }
  return bodies;
}

class Load {
  readonly #job: LoadJob;
  readonly #make: MakeRequest;
  readonly #latencies: Float64Array;
  readonly #answers: string[] = [];
  #sent = 0;
  #done = 0;
  #failures = 0;
  #firstFailure = '';
  #finish: () => void = () => {};

  constructor(job: LoadJob, prepared: Buffer[][]) {
    this.#job = job;
    this.#make = requestMaker(job.request, prepared, job.firstCounter ?? 0);
    this.#latencies = new Float64Array(job.requests);
  }

  async run(): Promise<LoadReport> {
    const lines = await Promise.all(
      Array.from({ length: this.#job.connections }, (_, i) => open(this.#job.port, i)),
    );
    const started = performance.now();
    await new Promise<void>((resolve) => {
      this.#finish = resolve;
      if (this.#job.openLoopRate === undefined) for (const line of lines) this.#next(line);
      else this.#openLoop(lines, this.#job.openLoopRate);
    });
    const seconds = (performance.now() - started) / 1000;
    for (const { socket } of lines) socket.destroy();
    const sorted = this.#latencies.sort();
    return {
      requests: this.#done,
      seconds,
      p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      answers: this.#answers,
    };
  }

  #next(line: Line): void {
    if (this.#sent >= this.#job.requests) return;
    this.#send(line, performance.now());
  }

  /** Requests start on time whatever the server does; lateness counts as latency. */
  #openLoop(lines: Line[], rate: number): void {
    const started = performance.now();
    const idle = [...lines];
    const due: number[] = [];
    let planned = 0;
    const tick = setInterval(() => {
      const now = performance.now();
      while (planned < this.#job.requests && started + (planned * 1000) / rate <= now) {
        due.push(started + (planned++ * 1000) / rate);
      }
      while (due.length > 0 && idle.length > 0) {
        const line = idle.pop() as Line;
        // A server hangs up on connections that were never used.
        if (!line.socket.writable) continue;
        line.idle = idle;
        this.#send(line, due.shift() as number);
      }
      if (this.#done >= this.#job.requests) clearInterval(tick);
    }, 1);
  }

  #send(line: Line, startedMs: number): void {
    const bytes = this.#make(this.#sent, line.number);
    if (bytes === undefined) return;
    this.#sent++;
    line.startedMs = startedMs;
    line.onAnswer = (status, body) => this.#answered(line, status, body);
    line.socket.write(bytes);
  }

  #answered(line: Line, status: string, body: string): void {
    this.#latencies[this.#done++] = performance.now() - line.startedMs;
    if (status !== '200') {
      this.#failures++;
      this.#firstFailure ||= `${status} ${body}`;
    } else if (body.length <= 8192) this.#answers.push(body);
    if (this.#done >= this.#job.requests) this.#finish();
    else if (line.idle !== undefined) line.idle.push(line);
    else this.#next(line);
  }
}

/** One connection and the answer that it waits for. */
interface Line {
  readonly number: number;
  readonly socket: Socket;
  startedMs: number;
  onAnswer: (status: string, body: string) => void;
  idle?: Line[];
}

async function open(port: number, number: number): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const line: Line = { number, socket, startedMs: 0, onAnswer: () => {} };
  let rest: Buffer | undefined;
  socket.on('error', (error) => line.onAnswer('000', String(error)));
  socket.on('data', (chunk) => {
    rest = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    const end = rest.indexOf(HEADER_END);
    if (end < 0) return;
    const head = rest.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (rest.length < end + 4 + length) return;
    const body = length <= 8192 ? rest.toString('latin1', end + 4, end + 4 + length) : '';
    rest = undefined;
    line.onAnswer(head.slice(9, 12), body);
  });
  return line;
}

process.once('message', (message: { job: LoadJob; prepared?: string }) => {
  void (async () => {
    const { readFileSync } = await import('node:fs');
    const { job } = message;
    const { request } = job;
    const prepared =
      request.kind === 'prepared'
        ? readPrepared(
            readFileSync(request.bodiesFile),
            job.connections,
            request.path,
            request.contentType,
          )
        : [];
    const report = await new Load(job, prepared).run();
    process.send?.(report, () => process.exit(0));
  })();
});
