// Verifying with the real command line where there is no network at all.

import { COMMANDS, type Outcome, runCommand, runProgram } from './processes.ts';

/** Runs writ-verify. */
export type Verify = (args: readonly string[]) => Promise<Outcome>;

/** How a verification ran. */
export interface OfflineVerifier {
  /** True when the process has no network interface; false when it is only not asked to use one. */
  readonly isIsolated: boolean;
  readonly verify: Verify;
}

/** Runs writ-verify in an empty network namespace where the system lets us make one. */
export async function offlineVerifier(): Promise<OfflineVerifier> {
  const isIsolated = await canUnshare();
  const verify: Verify = (args) =>
    isIsolated
      ? runProgram('unshare', ['-rn', process.execPath, COMMANDS.verify, ...args])
      : runCommand(COMMANDS.verify, args);
  return { isIsolated, verify };
}

async function canUnshare(): Promise<boolean> {
  try {
    return (await runProgram('unshare', ['-rn', 'true'])).exitCode === 0;
  } catch {
    return false; // no such program
  }
}
