// Measures the yardstick of bare-server.ts with the same client and the same load, and the processor time that a
// server takes for a request: on a shared machine it says more than requests a second.

import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runLoad } from './load.ts';
import type { LoadJob, LoadReport, RequestShape } from './load-client.ts';

/** Clock ticks a second in /proc, the same on every Linux. */
const TICKS = 100;

/** What a server did under one load. */
export interface Measured extends LoadReport {
  /** Microseconds of processor time of the server for each request; NaN where there is no /proc. */
  readonly cpuMicros: number;
}

/** Runs the job against the server with process id `pid`. */
export async function measureLoad(pid: number, job: LoadJob): Promise<Measured> {
  const before = cpuSeconds(pid);
  const report = await runLoad(job);
  return { ...report, cpuMicros: ((cpuSeconds(pid) - before) * 1e6) / report.requests };
}

function cpuSeconds(pid: number): number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return Number.NaN;
  // Behind the name, which may have spaces: state is field 3, utime and stime are fields 14 and 15.
  const fields = (readFileSync(path, 'utf8').split(') ').at(-1) ?? '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** The same load on bare node:http, on this machine and now. */
export async function measureBare(
  request: RequestShape,
  connections: number,
  requests: number,
): Promise<Measured> {
  const server = fork(fileURLToPath(new URL('./bare-server.js', import.meta.url)));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.once('message', (message) => resolve(Number(message)));
      server.once('exit', () => reject(new Error('the bare server ended')));
    });
    await runLoad({ port, connections, requests: Math.ceil(requests / 5), request });
    return await measureLoad(server.pid ?? 0, { port, connections, requests, request });
  } finally {
    server.kill();
  }
}

/** For people: rate and processor time, and both against the yardstick. */
export function describeShare(ours: Measured, bare: Measured): string {
  const [rate, bareRate] = [ours.requests / ours.seconds, bare.requests / bare.seconds];
  return (
    `${describe(ours)}; bare node:http in the same run ${describe(bare)}: ` +
    `${(rate / bareRate).toFixed(2)} of its rate, ${(ours.cpuMicros / bare.cpuMicros).toFixed(2)} of its time`
  );
}

/** For people: rate, and processor time of the server. */
export function describe({ requests, seconds, cpuMicros }: Measured): string {
  return `${Math.round(requests / seconds)}/s with ${cpuMicros.toFixed(1)} us of processor time each`;
}
