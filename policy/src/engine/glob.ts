// Globs of the query language: `*` is any run of characters, `?` is one character, all else is itself.
//
// Short parts between stars are looked for one after the other. Every other pattern of m elements runs as m + 1 bits
// at once, one step for each character of the text. Neither goes back: no pattern and no text make it slow.

/** One glob, ready to be held against many texts. */
export type Glob = (text: string) => boolean;

const WORD_BITS = 32;
const ASCII = 128;
// Looked for first, because the machine does that fast; short, so that no text makes it slow.
const MAX_NEEDLE = 16;

interface Program {
  readonly words: number;
  /** Bit i of row c: the element before state i takes character c. */
  readonly ascii: Uint32Array;
  readonly others: ReadonlyMap<number, Uint32Array>;
  /** States behind a `?`; what takes a character that the pattern does not name. */
  readonly any: Uint32Array;
  /** States in which a `*` waits. */
  readonly stars: Uint32Array;
  readonly last: number;
}

/** What comes before the first `*` or `?`. */
export function globPrefix(pattern: string): string {
  return /^[^*?]*/.exec(pattern)?.[0] ?? '';
}

/**
 * The longest piece that every match holds, of at most MAX_NEEDLE characters, in a text that has a newline before and
 * behind it. Empty when the pattern asks for no character in particular.
 */
export function globNeedle(pattern: string): string {
  const parts = pattern.split(/[*?]/);
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  const pieces = rest.map((part) => part.slice(0, MAX_NEEDLE));
  if (first !== '') pieces.push(`\n${first.slice(0, MAX_NEEDLE)}`);
  if (last !== '') pieces.push(`${last.slice(-MAX_NEEDLE)}\n`);
  return pieces.reduce((best, piece) => (piece.length > best.length ? piece : best), '');
}

/** Compiles a pattern. Characters are code points. */
export function compileGlob(pattern: string): Glob {
  const parts = pattern.split(/[*?]/);
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return (text) => text === pattern;
  const isPlain = !pattern.includes('?') && parts.every((part) => part.length <= MAX_NEEDLE);
  if (isPlain) return inOrder(first, parts.slice(1, -1), last);
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '');
  const needle = longest.slice(0, MAX_NEEDLE);
  const program = assemble(pattern);
  return (text) =>
    text.startsWith(first) && text.endsWith(last) && text.includes(needle) && run(program, text);
}

/** How many words of bits a step of a glob takes: its cost for each character. */
export function globParts(pattern: string): number {
  return Math.floor(pattern.length / WORD_BITS) + 1;
}

/** As compileGlob, over a part of a text; undefined where compileGlob is faster. */
export function compileGlobScan(
  pattern: string,
): ((text: string, from: number, to: number) => boolean) | undefined {
  if (!pattern.includes('?') || globParts(pattern) > 1) return undefined;
  const program = assemble(pattern);
  return (text, from, to) => runOneWord(program, text, from, to);
}

// Stars alone: taking each part where it comes first leaves the most room for the rest.
function inOrder(first: string, middle: readonly string[], last: string): Glob {
  const parts = middle.filter((part) => part !== '');
  const length = first.length + last.length;
  return (text) => {
    if (text.length < length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const part of parts) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

function assemble(pattern: string): Program {
  const elements = [...pattern].filter((element) => element !== '*');
  const words = Math.floor(elements.length / WORD_BITS) + 1;
  const any = new Uint32Array(words);
  for (const [i, element] of elements.entries()) if (element === '?') setBit(any, 0, i + 1);
  const ascii = new Uint32Array(ASCII * words);
  for (let c = 0; c < ASCII; c++) ascii.set(any, c * words);
  const others = new Map<number, Uint32Array>();
  for (const [i, element] of elements.entries()) {
    const code = element.codePointAt(0) ?? 0;
    if (code < ASCII) setBit(ascii, code * words, i + 1);
    else {
      const row = others.get(code) ?? Uint32Array.from(any);
      setBit(row, 0, i + 1);
      others.set(code, row);
    }
  }
  return { words, ascii, others, any, stars: starsOf(pattern, words), last: elements.length };
}

function starsOf(pattern: string, words: number): Uint32Array {
  const stars = new Uint32Array(words);
  let state = 0;
  for (const element of pattern) {
    if (element === '*') setBit(stars, 0, state);
    else state++;
  }
  return stars;
}

function setBit(bits: Uint32Array, from: number, bit: number): void {
  const word = from + Math.floor(bit / WORD_BITS);
  bits[word] = (bits[word] ?? 0) | (1 << (bit % WORD_BITS));
}

function run(program: Program, text: string): boolean {
  return program.words === 1 ? runOneWord(program, text, 0, text.length) : runWords(program, text);
}

function runOneWord(program: Program, text: string, from: number, to: number): boolean {
  const { ascii, stars } = program;
  const star = stars[0] ?? 0;
  let state = 1;
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at);
    let takes = ascii[unit] ?? 0;
    if (unit >= ASCII) {
      const code = text.codePointAt(at) ?? 0;
      takes = (program.others.get(code) ?? program.any)[0] ?? 0;
      if (code > 0xffff) at++;
    }
    state = ((state << 1) & takes) | (state & star);
    if (state === 0) return false;
  }
  return ((state >>> program.last) & 1) === 1;
}

function runWords(program: Program, text: string): boolean {
  const { words, ascii, stars, last } = program;
  const state = new Uint32Array(words);
  state[0] = 1;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const row = code < ASCII ? ascii : (program.others.get(code) ?? program.any);
    const from = code < ASCII ? code * words : 0;
    let carry = 0;
    let alive = 0;
    for (let w = 0; w < words; w++) {
      const before = state[w] ?? 0;
      const next = (((before << 1) | carry) & (row[from + w] ?? 0)) | (before & (stars[w] ?? 0));
      carry = before >>> (WORD_BITS - 1);
      state[w] = next;
      alive |= next;
    }
    if (alive === 0) return false;
  }
  return (((state[Math.floor(last / WORD_BITS)] ?? 0) >>> (last % WORD_BITS)) & 1) === 1;
}
