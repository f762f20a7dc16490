// What the kit needs to try a driver: a connection and calls that it can make (spec/drivers.md section 12).
//
//     { "connection": { "address": "{ssh}", … }, "execute": true, "calls": [
//       { "capability": "ssh.command", "verb": "run", "target": "ssh-host:lab", "params": { "command": "hello" } } ] }

import { LogError } from '@writ/core/errors';
import { parseJsonBody } from '@writ/core/json';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { DriverCall } from '../engine/driver-manifest.ts';
import { membersOf } from '../engine/params-schema.ts';

const MAX_CALLS = 256;

export interface Scenario {
  /** With placeholders; `fillIn` replaces them. */
  readonly connection: JsonValue;
  /** False: dry runs only, for a connection to something real. */
  readonly execute: boolean;
  readonly calls: readonly Omit<DriverCall, 'dryRun'>[];
}

/** LogError json-malformed. */
export function parseScenario(bytes: Uint8Array): Scenario {
  const value = parseJsonBody(bytes);
  const members = membersOf(jsonOf(value));
  const connection = members?.get('connection');
  const calls = members?.get('calls');
  const execute = members?.get('execute') ?? false;
  const isKnown = [...(members?.keys() ?? [])].every((name) =>
    ['connection', 'calls', 'execute'].includes(name),
  );
  if (
    connection === undefined ||
    !Array.isArray(calls) ||
    calls.length === 0 ||
    calls.length > MAX_CALLS ||
    typeof execute !== 'boolean' ||
    !isKnown
  )
    throw malformed('a scenario has connection, execute (true or false) and a list of calls');
  return { connection, execute, calls: calls.map(readCall) };
}

/** `value` with every placeholder in a text replaced. */
export function fillIn(value: JsonValue, values: ReadonlyMap<string, string>): JsonValue {
  if (typeof value === 'string') {
    let text = value;
    for (const [placeholder, content] of values) text = text.replaceAll(placeholder, content);
    return text;
  }
  if (Array.isArray(value)) return value.map((item) => fillIn(item, values));
  const members = membersOf(value);
  if (members === undefined) return value;
  return Object.fromEntries([...members].map(([name, item]) => [name, fillIn(item, values)]));
}

function readCall(value: JsonValue, i: number): Omit<DriverCall, 'dryRun'> {
  const members = membersOf(value);
  const text = (name: string): string => {
    const member = members?.get(name);
    if (typeof member !== 'string') throw malformed(`calls.${i}.${name} is a text`);
    return member;
  };
  const params = membersOf(members?.get('params') ?? {});
  if (params === undefined) throw malformed(`calls.${i}.params is an object`);
  return {
    capability: text('capability'),
    verb: text('verb'),
    target: text('target'),
    params: Object.fromEntries(params),
  };
}

function jsonOf(value: unknown): JsonValue {
  const copy: JsonValue = JSON.parse(JSON.stringify(value));
  return copy;
}

function malformed(message: string): LogError {
  return new LogError('json-malformed', `scenario: ${message}`);
}
