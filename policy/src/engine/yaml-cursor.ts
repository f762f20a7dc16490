// A place in a YAML text, and the scalars that stand on one line (spec/drivers.md section 2).

/** Why a text is not the plain part of YAML. */
export class YamlRefusal extends Error {
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Longest name of a member in characters; YAML itself has that limit. */
const MAX_KEY = 1024;
/** Longest number in characters; more digits than these say nothing that JSON can hold. */
const MAX_NUMBER = 64;

const NUMBER =
  /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const NO_NUMBER = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
/** What a value must not begin with → what it would be. */
const SURPRISES: ReadonlyMap<string, string> = new Map([
  ['&', 'anchors are not allowed'],
  ['*', 'aliases are not allowed'],
  ['!', 'tags are not allowed'],
  ['>', 'folded texts are not allowed: take |, or one line'],
  ['|', 'a text of several lines is not allowed here'],
]);
const INDICATORS = new Set([...'?:,[]{}#%@`"\'']);

export class YamlCursor {
  readonly text: string;
  at = 0;
  /** Where the line of `at` begins. */
  lineStart = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The character here; empty at the end. */
  get char(): string {
    return this.text[this.at] ?? '';
  }

  get column(): number {
    return this.at - this.lineStart;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** True where the line has nothing more to say. */
  get isAtLineEnd(): boolean {
    const { char } = this;
    return char === '' || char === '\n' || (char === '#' && this.isAfterSpace);
  }

  get isAfterSpace(): boolean {
    return this.at === this.lineStart || this.text[this.at - 1] === ' ';
  }

  refuse(message: string, at: number = this.at): never {
    throw new YamlRefusal(message, this.text.slice(0, at).split('\n').length);
  }

  skipSpaces(): void {
    while (this.char === ' ') this.at++;
  }

  /** To the beginning of the next line, or the end. */
  skipLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end === -1 ? this.text.length : end + 1;
    this.lineStart = this.at;
  }

  /** From the beginning of a line to the first thing that is no blank line and no comment. */
  skipToContent(): void {
    for (this.skipSpaces(); !this.isAtEnd && this.isAtLineEnd; this.skipSpaces()) this.skipLine();
  }

  /** Behind a value: nothing but a comment may follow in its line. Goes on to the next content. */
  endLine(): void {
    this.skipSpaces();
    if (!this.isAtLineEnd) this.refuse('there is something behind a value');
    this.skipLine();
    this.skipToContent();
  }

  /** A quoted text of one line; `at` is on its first quote. */
  quoted(): string {
    const start = this.at;
    const text = this.char === '"' ? this.#double() : this.#single();
    return text.isWellFormed() ? text : this.refuse('a text is not Unicode', start);
  }

  /** Name of a member in front of a colon, which is passed; undefined: no name stands here, `at` is as before. */
  name(): string | undefined {
    const start = this.at;
    const name = this.#nameBefore();
    if (name === undefined) this.at = start;
    else if (this.at - start > MAX_KEY + 1) this.refuse('a name is too long', start);
    return name;
  }

  /** What the plain text from `at` up to `end` means. */
  plain(end: number): string | number | boolean | null {
    const text = withoutSpaces(this.text.slice(this.at, end));
    this.checkPlain();
    const word = WORDS.get(text);
    if (word !== undefined) return word;
    const isNumber = NUMBER.test(text);
    if (!isNumber && !NO_NUMBER.test(text)) return text;
    const value = isNumber && text.length <= MAX_NUMBER ? Number(text) : Number.NaN;
    return Number.isFinite(value)
      ? value
      : this.refuse('has a number that JSON cannot hold, such as .inf');
  }

  /** Refuses what no plain text begins with. */
  checkPlain(): void {
    const { char } = this;
    const surprise = SURPRISES.get(char);
    if (surprise !== undefined) this.refuse(surprise);
    if (INDICATORS.has(char)) this.refuse(`${char} is not expected here; texts may be quoted`);
  }

  #nameBefore(): string | undefined {
    if (this.char === '"' || this.char === "'") {
      const quoted = this.quoted();
      this.skipSpaces();
      return this.#passColon() ? quoted : undefined;
    }
    const line = this.text.slice(this.at, this.lineEnd());
    const colon = line.search(/:(?: |$)/);
    const comment = line.indexOf(' #');
    const isName = colon >= 0 && (comment < 0 || colon < comment) && !'[{'.includes(this.char);
    if (!isName) return undefined;
    const name = this.plain(this.at + colon);
    if (typeof name !== 'string') this.refuse('names are texts');
    this.at += colon + 1;
    return name;
  }

  lineEnd(): number {
    const end = this.text.indexOf('\n', this.at);
    return end === -1 ? this.text.length : end;
  }

  #passColon(): boolean {
    const next = this.text[this.at + 1] ?? '\n';
    if (this.char !== ':' || (next !== ' ' && next !== '\n')) return false;
    this.at++;
    return true;
  }

  #single(): string {
    const end = this.lineEnd();
    for (let from = this.at + 1; ; ) {
      const quote = this.text.indexOf("'", from);
      if (quote === -1 || quote >= end) this.refuse('a quoted text has no end in its line');
      from = quote + 2;
      if (this.text[quote + 1] === "'") continue;
      const text = this.text.slice(this.at + 1, quote).replaceAll("''", "'");
      this.at = quote + 1;
      return text;
    }
  }

  #double(): string {
    const start = this.at;
    for (this.at++; this.char !== '"'; this.at += this.char === '\\' ? 2 : 1)
      if (this.char === '\n' || this.isAtEnd)
        this.refuse('a quoted text has no end in its line', start);
    this.at++;
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      return this.refuse('a text in double quotes is not one of JSON', start);
    }
  }
}

/** Without the spaces behind it; other white space is part of a text. */
function withoutSpaces(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ') end--;
  return text.slice(0, end);
}
