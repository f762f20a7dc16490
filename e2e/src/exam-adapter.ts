// Drives the modules of the product from lines of JSON: one question a line on standard input, one answer a line on
// standard output, in order. Third-party vectors reach the code this way (`npm run exam`).
//
//   {"op":"vkey","vkey":"example.com/foo+530d903a+AekyeRrm..."}   ->   {"ok":true}
//
// Every operation calls what the log, the witness and the verifier call. Malformed input is a verdict; any error
// beside LogError is a defect and ends the process.

import { createInterface } from 'node:readline';
import { utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { parseJsonBody } from '@writ/core/json';
import { ENCODING_OPERATIONS } from './exam/encoding.ts';
import { NOTE_OPERATIONS } from './exam/notes.ts';
import { type Answer, type Operation, Question } from './exam/question.ts';
import { TREE_OPERATIONS } from './exam/tree.ts';
import { WITNESS_OPERATIONS } from './exam/witness.ts';

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ...ENCODING_OPERATIONS,
  ...NOTE_OPERATIONS,
  ...TREE_OPERATIONS,
  ...WITNESS_OPERATIONS,
]);

async function answer(line: string): Promise<Answer> {
  const question = new Question(parseJsonBody(utf8(line)));
  const operation = OPERATIONS.get(question.text('op'));
  if (operation === undefined) return { unsupported: true };
  try {
    return await operation(question);
  } catch (error) {
    if (isLogError(error)) return { ok: false };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
