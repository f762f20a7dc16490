// Lists and maps in brackets, which may go over several lines: JSON, and YAML's shorter spelling of it.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { YamlBudget } from './plain-yaml.ts';
import type { YamlCursor } from './yaml-cursor.ts';

/** The list or map that begins here, counted already, in a block at column `parent`. Ends behind its last bracket. */
export function readFlow(
  cursor: YamlCursor,
  budget: YamlBudget,
  parent: number,
  depth: number,
): JsonValue {
  return new FlowReader(cursor, budget, parent).collection(depth);
}

class FlowReader {
  readonly #cursor: YamlCursor;
  readonly #budget: YamlBudget;
  readonly #parent: number;
  /** What ends a plain text: an indicator, a colon that ends a name, a comment, the line. */
  readonly #end = /[,[\]{}\n]|:(?=[ ,[\]{}\n]|$)| #/g;

  constructor(cursor: YamlCursor, budget: YamlBudget, parent: number) {
    this.#cursor = cursor;
    this.#budget = budget;
    this.#parent = parent;
  }

  collection(depth: number): JsonValue {
    return this.#cursor.char === '[' ? this.#list(depth) : this.#map(depth);
  }

  #list(depth: number): JsonValue {
    const items: JsonValue[] = [];
    this.#each(']', () => {
      items.push(this.#node(depth + 1));
    });
    return items;
  }

  #map(depth: number): JsonValue {
    const cursor = this.#cursor;
    const members = new Map<string, JsonValue>();
    this.#each('}', () => {
      const start = cursor.at;
      const name = this.#name();
      if (members.has(name)) cursor.refuse('a name is there twice', start);
      this.#skip();
      this.#budget.add(cursor, members, name, this.#node(depth + 1));
    });
    return Object.fromEntries(members);
  }

  /** Passes the brackets and the commas; `read` takes what is between. */
  #each(close: string, read: () => void): void {
    const cursor = this.#cursor;
    cursor.at++;
    this.#skip();
    while (cursor.char !== close) {
      read();
      this.#skip();
      if (cursor.char === ',') {
        cursor.at++;
        this.#skip();
      } else if (cursor.char !== close) cursor.refuse(`a comma or ${close} is missing`);
    }
    cursor.at++;
  }

  #node(depth: number): JsonValue {
    const cursor = this.#cursor;
    this.#budget.take(cursor, depth);
    const { char } = cursor;
    if (char === '[' || char === '{') return this.collection(depth);
    if (char === '"' || char === "'") return cursor.quoted();
    const end = this.#plainEnd();
    const value = this.#plain(end);
    cursor.at = end;
    return value;
  }

  #name(): string {
    const cursor = this.#cursor;
    const start = cursor.at;
    const isQuoted = cursor.char === '"' || cursor.char === "'";
    const end = isQuoted ? start : this.#plainEnd();
    const name = isQuoted ? cursor.quoted() : this.#plain(end);
    if (!isQuoted) cursor.at = end;
    else cursor.skipSpaces();
    if (cursor.char !== ':' || cursor.at - start > 1024) cursor.refuse('a name has a colon', start);
    cursor.at++;
    return typeof name === 'string' ? name : cursor.refuse('names are texts', start);
  }

  #plain(end: number): string | number | boolean | null {
    const cursor = this.#cursor;
    if (end === cursor.at) cursor.refuse('a value is missing');
    const text = cursor.text.slice(cursor.at, end);
    if (/^-(?: |$)/.test(text)) cursor.refuse('a list with dashes is not allowed in brackets');
    return cursor.plain(end);
  }

  #plainEnd(): number {
    this.#end.lastIndex = this.#cursor.at;
    return this.#end.exec(this.#cursor.text)?.index ?? this.#cursor.text.length;
  }

  /** Over spaces, line ends and comments. */
  #skip(): void {
    const cursor = this.#cursor;
    const before = cursor.lineStart;
    cursor.skipSpaces();
    while (!cursor.isAtEnd && cursor.isAtLineEnd) {
      cursor.skipLine();
      cursor.skipSpaces();
    }
    if (cursor.isAtEnd) cursor.refuse('a bracket is not closed');
    if (cursor.lineStart !== before && cursor.column <= this.#parent)
      cursor.refuse('what is in brackets is indented too little');
  }
}
