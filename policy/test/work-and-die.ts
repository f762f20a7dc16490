// A node that works and kills itself at a step of its journal: node work-and-die.js DIR STEP COUNT
//
// It says on its output what it was told: `begun <id> <key>`, `ended <id>`.

import { writeSync } from 'node:fs';
import { fresh, START, startNode } from './node-world.ts';

const [dir = '', step, count] = process.argv.slice(2);
let left = Number(count);

const node = await startNode(dir, {
  onStep: (at) => {
    if (at === step && --left === 0) process.kill(process.pid, 'SIGKILL');
  },
});

async function work(lane: number): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `${lane} ${i}`;
    const begun = await node.ledger.begin(fresh(lane * 1000 + i, { key }), START);
    if (begun.kind !== 'begun') continue;
    // Synchronous, or the line could die with the process.
    writeSync(1, `begun ${begun.id} ${key}\n`);
    const outcome = { result: 'succeeded', severity: 'info', effects: [], reason: null } as const;
    await node.ledger.finish(begun.id, outcome, START);
    writeSync(1, `ended ${begun.id}\n`);
  }
}

await Promise.all([work(1), work(2), work(3)]);
