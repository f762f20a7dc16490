// Reading a connection that the runner has already checked against the manifest's schema.

import type { JsonValue } from '@writ/core/statements/jcs';
import { DriverError } from '../engine/driver-failure.ts';
import { membersOf } from '../engine/params-schema.ts';

/** The member `name` as a text. DriverError request-invalid where it is missing. */
export function textOf(value: JsonValue, name: string): string {
  const text = optionalText(value, name);
  if (text === undefined) throw new DriverError('request-invalid', `${name} is missing`);
  return text;
}

/** The member `name` as a text; undefined where it is missing. */
export function optionalText(value: JsonValue, name: string): string | undefined {
  const text = membersOf(value)?.get(name);
  return typeof text === 'string' ? text : undefined;
}

/** The texts in the list `name`; empty where it is missing. */
export function textsOf(value: JsonValue, name: string): string[] {
  return itemsOf(value, name).filter((item) => typeof item === 'string');
}

/** The list `name`; empty where it is missing. */
export function itemsOf(value: JsonValue, name: string): readonly JsonValue[] {
  const list = membersOf(value)?.get(name);
  return Array.isArray(list) ? list : [];
}

/** The item of the list `list` whose `name` is `wanted`. DriverError target-unknown. */
export function namedItem(connection: JsonValue, list: string, wanted: string): JsonValue {
  const found = itemsOf(connection, list).find((item) => optionalText(item, 'name') === wanted);
  if (found === undefined)
    throw new DriverError('target-unknown', `the connection lists no ${wanted} in ${list}`);
  return found;
}

/** What comes after the type in a canonical target id. */
export function targetName(target: string): string {
  return target.slice(target.indexOf(':') + 1);
}

/** How much of what a command wrote is shown where it fails. */
const MAX_WORDS = 1000;

/** The last words of a command: its last lines, whole, so that no secret stands there without its beginning. */
export class LastWords {
  #text = '';

  add(text: string): void {
    this.#text = `${this.#text}${text}`.slice(-MAX_WORDS - 1);
  }

  get text(): string {
    const isCut = this.#text.length > MAX_WORDS;
    const whole = isCut
      ? this.#text.slice(this.#text.indexOf('\n') + 1 || MAX_WORDS + 1)
      : this.#text;
    return whole.trim() === '' && isCut ? '(one long line)' : whole.trim();
  }
}
