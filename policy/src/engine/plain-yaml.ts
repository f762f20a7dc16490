// The plain part of YAML 1.2 (https://yaml.org/spec/1.2.2/, core schema): maps, lists, texts, numbers. Every text that
// this accepts means the same to every YAML parser; what could surprise is refused. Linear in the text.

import type { JsonValue } from '@writ/core/statements/jcs';
import { YamlCursor } from './yaml-cursor.ts';
import { readFlow } from './yaml-flow.ts';

/** What a text may hold at most. */
export interface YamlLimits {
  /** Maps and lists inside of each other. */
  readonly depth: number;
  readonly values: number;
  /** Of one map. */
  readonly members: number;
}

/** The value of `text`. Throws YamlRefusal with the line and the reason. */
export function parsePlainYaml(text: string, limits: YamlLimits): JsonValue {
  return new BlockReader(text, limits).read();
}

/** Counts what was read. Shared by the parts of the reader. */
export class YamlBudget {
  readonly #limits: YamlLimits;
  #values = 0;

  constructor(limits: YamlLimits) {
    this.#limits = limits;
  }

  /** One more value, `depth` maps and lists deep. */
  take(cursor: YamlCursor, depth: number): void {
    this.#values++;
    if (this.#values > this.#limits.values) cursor.refuse('has too many values');
    if (depth > this.#limits.depth) cursor.refuse('is nested too deeply');
  }

  /** One more member of a map. */
  add(cursor: YamlCursor, members: Map<string, JsonValue>, name: string, value: JsonValue): void {
    members.set(name, value);
    if (members.size > this.#limits.members)
      cursor.refuse(`a map has at most ${this.#limits.members} members`);
  }
}

class BlockReader {
  readonly #cursor: YamlCursor;
  readonly #budget: YamlBudget;

  constructor(text: string, limits: YamlLimits) {
    this.#cursor = new YamlCursor(text);
    this.#budget = new YamlBudget(limits);
  }

  read(): JsonValue {
    this.#cursor.skipToContent();
    if (this.#cursor.isAtEnd) this.#cursor.refuse('there is nothing in it');
    const value = this.#block(-1, 0);
    if (!this.#cursor.isAtEnd) this.#cursor.refuse('belongs to nothing above it');
    return value;
  }

  /** The node that begins here, in a map or list at column `parent`. Ends at the content behind it. */
  #block(parent: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    this.#budget.take(cursor, depth);
    const { column } = cursor;
    if (this.#isDash()) return this.#list(column, depth);
    const name = cursor.name();
    return name === undefined ? this.#inline(parent, depth) : this.#map(name, column, depth);
  }

  #list(column: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    const items: JsonValue[] = [];
    while (!cursor.isAtEnd && cursor.column === column && this.#isDash()) {
      cursor.at++;
      cursor.skipSpaces();
      if (cursor.isAtLineEnd) {
        cursor.endLine();
        items.push(this.#below(column, depth));
      } else items.push(this.#block(column, depth + 1));
      this.#checkIndent(column);
    }
    return items;
  }

  #map(first: string, column: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    const members = new Map<string, JsonValue>();
    for (let name: string | undefined = first; name !== undefined; name = this.#next(column)) {
      if (members.has(name)) cursor.refuse('a name is there twice');
      this.#budget.add(cursor, members, name, this.#member(column, depth));
      this.#checkIndent(column);
    }
    return Object.fromEntries(members);
  }

  /** The next name of a map at `column`; undefined behind its last one. */
  #next(column: number): string | undefined {
    const cursor = this.#cursor;
    if (cursor.isAtEnd || cursor.column < column) return undefined;
    const name = this.#isDash() ? undefined : cursor.name();
    return name ?? cursor.refuse('is no member of the map above it');
  }

  /** What follows the colon of a member. */
  #member(column: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    cursor.skipSpaces();
    if (!cursor.isAtLineEnd) {
      this.#budget.take(cursor, depth + 1);
      return this.#inline(column, depth + 1);
    }
    cursor.endLine();
    // A list may stand right below its name.
    if (cursor.isAtEnd || cursor.column !== column || !this.#isDash())
      return this.#below(column, depth);
    this.#budget.take(cursor, depth + 1);
    return this.#list(column, depth + 1);
  }

  /** What is indented below a name or a dash at `column`; nothing is null. */
  #below(column: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    if (!cursor.isAtEnd && cursor.column > column) return this.#block(column, depth + 1);
    this.#budget.take(cursor, depth + 1);
    return null;
  }

  #inline(parent: number, depth: number): JsonValue {
    const cursor = this.#cursor;
    const { char } = cursor;
    if (this.#isDash()) cursor.refuse('a list begins on a line of its own');
    if (char === '|') return this.#literal(parent);
    let value: JsonValue;
    if (char === '[' || char === '{') value = readFlow(cursor, this.#budget, parent, depth);
    else if (char === '"' || char === "'") value = cursor.quoted();
    else value = this.#plain();
    cursor.endLine();
    return value;
  }

  #plain(): JsonValue {
    const cursor = this.#cursor;
    const lineEnd = cursor.lineEnd();
    const line = cursor.text.slice(cursor.at, lineEnd);
    const comment = line.indexOf(' #');
    const text = comment < 0 ? line : line.slice(0, comment);
    if (/:(?: |$)/.test(text)) cursor.refuse('a text with a colon and a space needs quotes');
    const value = cursor.plain(cursor.at + text.length);
    cursor.at += text.length;
    return value;
  }

  /** The lines below a `|` that are indented deeper than `parent`, as they are. */
  #literal(parent: number): string {
    const cursor = this.#cursor;
    const start = cursor.at;
    cursor.at++;
    const isStripped = cursor.char === '-';
    if (isStripped) cursor.at++;
    cursor.skipSpaces();
    if (!cursor.isAtLineEnd) cursor.refuse('behind | there may be a - and nothing else', start);
    cursor.skipLine();
    const lines: string[] = [];
    let indent = -1;
    for (; !cursor.isAtEnd; cursor.skipLine()) {
      cursor.skipSpaces();
      const isBlank = cursor.char === '\n' || cursor.isAtEnd;
      if (!isBlank && cursor.column <= parent) break;
      if (!isBlank && indent < 0) indent = cursor.column;
      if (isBlank && indent < 0 && cursor.column > parent + 1)
        cursor.refuse('a text of several lines begins with a line of spaces');
      if (!isBlank && cursor.column < indent) cursor.refuse('is indented less than the line above');
      const from = indent < 0 ? cursor.at : Math.min(cursor.lineStart + indent, cursor.at);
      lines.push(cursor.text.slice(from, cursor.lineEnd()));
    }
    while (lines.at(-1) === '') lines.pop();
    cursor.at = cursor.lineStart;
    cursor.skipToContent();
    const text = lines.join('\n');
    return lines.length === 0 || isStripped ? text : `${text}\n`;
  }

  #isDash(): boolean {
    const next = this.#cursor.text[this.#cursor.at + 1] ?? '\n';
    return this.#cursor.char === '-' && (next === ' ' || next === '\n');
  }

  #checkIndent(column: number): void {
    const cursor = this.#cursor;
    if (!cursor.isAtEnd && cursor.column > column) cursor.refuse('is indented too far');
  }
}
