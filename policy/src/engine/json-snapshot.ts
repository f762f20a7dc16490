// A bounded copy of a document that somebody submitted, taken before anything judges it: what is checked is what is
// kept, whatever the original does later.

import { utf8 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { Finding } from './finding.ts';
import { formatPointer, nearestPointer } from './json-pointer.ts';
import { refusal } from './schema-parts.ts';
import type { SchemaCode } from './spec-finding-codes.ts';

export interface SnapshotLimits {
  /** Bytes of the canonical form. */
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Values in all, lists and objects included: what reading costs grows with these. */
  readonly maxValues: number;
}

/** The copy, with -0 as 0, or why there is none: what is no JSON, too large or too deep, or names a prototype. */
export function snapshotJson(
  document: unknown,
  limits: SnapshotLimits,
): { readonly value: JsonValue } | { readonly finding: Finding } {
  const copier = new Copier(limits);
  try {
    return { value: copier.copy(document) };
  } catch (error) {
    if (error instanceof Refusal) {
      const { finding } = error;
      return { finding: { ...finding, path: nearestPointer(document, finding.path) } };
    }
    throw error;
  }
}

class Refusal extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** Most items of one list. */
export const MAX_LIST_ITEMS = 1024;
/** Most fields of one object. */
export const MAX_FIELDS = 256;

/** Characters that stand for themselves in JSON, one byte each. */
const PLAIN = /^[ !#-[\]-~]*$/;

class Copier {
  readonly #limits: SnapshotLimits;
  readonly #path: (string | number)[] = [];
  #bytes = 0;
  #values = 0;

  constructor(limits: SnapshotLimits) {
    this.#limits = limits;
  }

  copy(value: unknown): JsonValue {
    this.#values++;
    if (this.#values > this.#limits.maxValues)
      this.#tooLarge(`the document has more than ${this.#limits.maxValues} values`);
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'boolean':
        this.#take(value ? 4 : 5);
        return value;
      case 'number':
        if (!Number.isFinite(value)) this.#refuse('json-malformed', 'a number must be finite');
        this.#take(String(value).length);
        return value === 0 ? 0 : value;
      case 'object':
        return value === null ? this.#null() : this.#container(value);
      default:
        return this.#refuse('json-malformed', `JSON holds no ${typeof value}`);
    }
  }

  #null(): null {
    this.#take(4);
    return null;
  }

  #container(value: object): JsonValue {
    const { maxDepth } = this.#limits;
    if (this.#path.length >= maxDepth)
      this.#refuse('document-too-deep', `nothing may be nested in more than ${maxDepth}`);
    this.#take(2);
    if (Array.isArray(value)) {
      if (value.length > MAX_LIST_ITEMS)
        this.#refuse('list-too-large', `a list has at most ${MAX_LIST_ITEMS} items`);
      return Array.from(value, (item, i) => this.#member(i, item));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype)
      this.#refuse('json-malformed', 'only plain objects have a place in JSON');
    if (Object.keys(value).length > MAX_FIELDS)
      this.#refuse('list-too-large', `an object has at most ${MAX_FIELDS} fields`);
    const members = Object.entries(value);
    for (const member of members) {
      const [name] = member;
      if (name === '__proto__') this.#refuse('name-forbidden', 'no field may be called __proto__');
      this.#text(name);
      this.#take(1);
      member[1] = this.#member(name, member[1]);
    }
    return Object.fromEntries(members);
  }

  #member(name: string | number, value: unknown): JsonValue {
    this.#take(1);
    this.#path.push(name);
    const copy = this.copy(value);
    this.#path.pop();
    return copy;
  }

  #text(text: string): string {
    this.#take(text.length + 2);
    if (PLAIN.test(text)) return text;
    if (!text.isWellFormed()) this.#refuse('text-malformed', 'text has a lone surrogate');
    this.#take(utf8(JSON.stringify(text)).length - text.length - 2);
    return text;
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.maxBytes) return;
    this.#tooLarge(`the document is larger than ${this.#limits.maxBytes} bytes`);
  }

  #tooLarge(message: string): never {
    throw new Refusal(refusal('document-too-large', '', message));
  }

  #refuse(code: SchemaCode, message: string): never {
    throw new Refusal(refusal(code, formatPointer(...this.#path), message));
  }
}
