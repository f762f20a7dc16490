// One process of tools/run-tests.mjs: runs the compiled test files that it is given, through uvu's own runner.

import { resolve } from 'node:path';
import { run } from 'uvu/run';

const files = process.argv.slice(2);
await run(files.map((file) => ({ name: file, file: resolve(file) })));

// uvu takes the name out of each queue; what stays are the suites that called run().
const silent = files.filter((_, i) => globalThis.UVU_QUEUE[i].length === 0);
for (const file of silent)
  console.error(`${file}: no suite called run(), so nothing in it was tested`);
if (silent.length > 0) process.exitCode = 1;
