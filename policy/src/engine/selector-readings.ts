// The two things that a range over several slots can mean, in words, for the message that refuses to guess.

import { formatPort, type Port } from './port.ts';

/** What to say behind a range from one port to one in another slot, when no inventory is at hand. */
export function runReadings(from: Port, to: Port): string {
  const where = from.member === to.member ? 'slots' : 'stack members';
  const run = `all ports from ${formatPort(from)} on to the last of its slot and so on up to ${formatPort(to)}`;
  const rectangle = `ports ${Math.min(from.number, to.number)} to ${Math.max(from.number, to.number)} of each`;
  return (
    `crosses ${where} and has two readings: ${run}, or ${rectangle}. ` +
    'With an inventory of the host it is the first; until then write one range for each slot'
  );
}
