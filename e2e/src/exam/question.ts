// One question to the exam adapter. A question that lacks a field or has one of another kind is a mistake of whoever
// asks (TypeError), not a verdict; what a field holds is foreign data and may be malformed.

import { parseBase64, parseHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';

/** What goes back as one line. */
export type Answer = Readonly<Record<string, unknown>>;
export type Operation = (question: Question) => Answer | Promise<Answer>;

/** Answers `{"ok": …}`: false when `run` says so. A LogError of any operation is `{"ok": false}` anyway. */
export function verdict(run: (question: Question) => unknown): Operation {
  return (question) => ({ ok: run(question) !== false });
}

export class Question {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null) throw new TypeError('a question is an object');
    this.#fields = new Map(Object.entries(value));
  }

  text(name: string): string {
    return requireText(this.#fields.get(name), name);
  }

  /** A list of texts; null is an empty one. */
  texts(name: string): string[] {
    const value = this.#fields.get(name) ?? [];
    if (!Array.isArray(value)) throw new TypeError(`${name} must be an array`);
    return value.map((item: unknown) => requireText(item, name));
  }

  /** A number as it comes: decimal text, or a JSON number that is a safe integer. */
  decimal(name: string): string {
    const value = this.#fields.get(name);
    return Number.isSafeInteger(value) ? String(value) : this.text(name);
  }

  /** Bytes in base64 that may be malformed, which is a verdict, or null, which stands for none. */
  base64(name: string): Uint8Array {
    const value = this.#fields.get(name);
    return value === null ? new Uint8Array(0) : decodeBase64(requireText(value, name));
  }

  base64List(name: string): Uint8Array[] {
    return this.texts(name).map(decodeBase64);
  }

  /** Bytes in hex of either case; absent is empty. */
  hex(name: string): Uint8Array {
    const value = this.#fields.get(name) ?? '';
    const bytes = parseHex(requireText(value, name).toLowerCase());
    if (bytes === undefined) throw new LogError('request-invalid', `${name} is not hexadecimal`);
    return bytes;
  }
}

function requireText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new TypeError(`${name} must be text`);
  // JSON can spell half a character, which no bytes can.
  if (!value.isWellFormed()) throw new LogError('request-invalid', `${name} is not valid Unicode`);
  return value;
}

function decodeBase64(text: string): Uint8Array {
  const bytes = parseBase64(text);
  if (bytes === undefined) throw new LogError('request-invalid', 'not canonical base64');
  return bytes;
}
