// How long something takes on a machine that does other things, too: processor time, the fastest of several runs.

const TRIES = 20;

/** Milliseconds of the fastest run; ends early where it is far below any bound. */
export function fastestMs(work: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && fastest > 2; i++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    fastest = Math.min(fastest, (user + system) / 1000);
  }
  return fastest;
}
