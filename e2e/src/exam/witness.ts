// Exam operations that start and stop a real witness on a loopback port.

import { type Operation } from './question.ts';

export const WITNESS_OPERATIONS: ReadonlyMap<string, Operation> = new Map();
