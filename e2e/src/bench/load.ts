// Runs one load job in a process of its own and gives its report.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadJob, LoadReport } from './load-client.ts';

/** Sends the job's requests and waits for all answers. Throws when one was not 200. */
export async function runLoad(job: LoadJob): Promise<LoadReport> {
  const client = fork(fileURLToPath(new URL('./load-client.js', import.meta.url)), {
    serialization: 'advanced',
  });
  const report = await new Promise<LoadReport>((resolve, reject) => {
    client.once('message', (message) => resolve(message as LoadReport));
    client.once('exit', (code) => reject(new Error(`the load client ended with ${code}`)));
    client.send({ job });
  });
  if (report.failures > 0)
    throw new Error(`${report.failures} requests failed, the first with: ${report.firstFailure}`);
  return report;
}
