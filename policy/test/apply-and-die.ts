// A process that applies the third state of villages.ts and kills itself at a step: node apply-and-die.js DIR STEP

import { StateStore } from '@writ/policy/agent/state-store';
import { nextState, statesOf, VILLAGE } from './villages.ts';

const [path = '', step] = process.argv.slice(2);
const store = await StateStore.open(path, {
  create: false,
  onStep: (at) => {
    if (at === step) process.kill(process.pid, 'SIGKILL');
  },
});
const state = statesOf(2).at(-1);
if (state !== undefined) await store.apply(VILLAGE, await store.load(VILLAGE), nextState(state));
