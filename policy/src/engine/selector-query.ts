// The query language: parse and format (spec/selectors.md section 4). What it means is in query-evaluate.ts.
//
//   label.tier = batch and not (name ~ "db-*" or id in (101, 102))

import { formatQueryValue, KEYWORDS, type QueryToken, tokensOf } from './query-tokens.ts';
import { malformed, quoted, SelectorFault } from './selector-fault.ts';
import { canonicalValue } from './target-types.ts';

/** Longest query. */
export const MAX_QUERY_LENGTH = 512;
/** Most comparisons; each value of an `in` is one. */
export const MAX_QUERY_TERMS = 64;
/** Most globs: each of them may have to look at every target. */
export const MAX_QUERY_GLOBS = 4;
/** Deepest nesting of parentheses and `not`. */
export const MAX_QUERY_DEPTH = 32;

export type QueryField = 'id' | 'name' | `label.${string}`;

/** A query. Parts of `and` and `or` are at least two and never of the same kind as the whole. */
export type Query =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | {
      readonly kind: 'compare';
      readonly field: QueryField;
      readonly op: '=' | '!=' | '~' | 'in';
      /** One, or more for `in`. Of the field `id` without its type, and canonical unless they are globs. */
      readonly values: readonly string[];
    };

const LABEL = /^label\.[A-Za-z0-9][A-Za-z0-9_./-]*$/;

/** Reads a query about targets of `type`. Throws SelectorFault. */
export function parseQuery(text: string, type: string): Query {
  if (text.length > MAX_QUERY_LENGTH)
    throw new SelectorFault(
      'selector-too-large',
      `a query has at most ${MAX_QUERY_LENGTH} characters`,
    );
  // Half a character would match half of another one.
  if (!text.isWellFormed()) malformed('the query is not valid Unicode');
  return new QueryParser(tokensOf(text), type).whole();
}

/** The canonical text; `parseQuery` gives the same query for it. */
export function formatQuery(query: Query): string {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.parts.map((part) => formatPart(part, query.kind)).join(` ${query.kind} `);
    case 'not':
      return `not ${formatPart(query.part, 'not')}`;
    case 'compare': {
      const values = query.values.map(formatQueryValue).join(', ');
      return `${query.field} ${query.op} ${query.op === 'in' ? `(${values})` : values}`;
    }
  }
}

function formatPart(part: Query, inside: 'and' | 'or' | 'not'): string {
  const isLoose = part.kind === 'or' || (part.kind === 'and' && inside === 'not');
  return isLoose ? `(${formatQuery(part)})` : formatQuery(part);
}

class QueryParser {
  readonly #tokens: readonly QueryToken[];
  readonly #type: string;
  #next = 0;
  #terms = 0;
  #globs = 0;

  constructor(tokens: readonly QueryToken[], type: string) {
    this.#tokens = tokens;
    this.#type = type;
  }

  whole(): Query {
    if (this.#tokens.length === 0)
      malformed('the query is empty: write for example name ~ "web-*"');
    const query = this.#joined('or', MAX_QUERY_DEPTH);
    const rest = this.#tokens[this.#next];
    if (rest !== undefined)
      malformed(`${placeOf(rest)}: expected and, or, or the end${hintOf(rest)}`);
    return query;
  }

  #joined(kind: 'and' | 'or', depth: number): Query {
    const parts: Query[] = [];
    do {
      const part = kind === 'or' ? this.#joined('and', depth) : this.#single(depth);
      if (part.kind === kind) parts.push(...part.parts);
      else parts.push(part);
    } while (this.#takes('word', kind));
    const [first] = parts;
    return parts.length === 1 && first !== undefined ? first : { kind, parts };
  }

  #single(depth: number): Query {
    const isNot = this.#takes('word', 'not');
    if (!isNot && !this.#takes('sign', '(')) return this.#comparison();
    if (depth === 0) malformed(`parentheses and not are nested more than ${MAX_QUERY_DEPTH} deep`);
    if (isNot) return { kind: 'not', part: this.#single(depth - 1) };
    const inner = this.#joined('or', depth - 1);
    this.#mustTake(')');
    return inner;
  }

  #comparison(): Query {
    const field = this.#field();
    if (this.#takes('word', 'in')) {
      this.#mustTake('(');
      const values: string[] = [];
      do values.push(this.#value(field, 'in'));
      while (this.#takes('sign', ','));
      this.#mustTake(')');
      return { kind: 'compare', field, op: 'in', values };
    }
    const op = this.#operator();
    if (op === '~') this.#globs++;
    if (this.#globs > MAX_QUERY_GLOBS)
      throw new SelectorFault('selector-too-large', `a query has at most ${MAX_QUERY_GLOBS} globs`);
    return { kind: 'compare', field, op, values: [this.#value(field, op)] };
  }

  #field(): QueryField {
    const token = this.#take('a field');
    if (token.kind === 'word') {
      if (token.text === 'id' || token.text === 'name') return token.text;
      if (isLabelField(token.text)) return token.text;
    }
    return malformed(
      `${placeOf(token)}: expected id, name or label.<key>, found ${quoted(token.text)}`,
    );
  }

  #operator(): '=' | '!=' | '~' {
    const token = this.#take('an operator');
    if (token.kind === 'sign' && (token.text === '=' || token.text === '!=' || token.text === '~'))
      return token.text;
    return malformed(`${placeOf(token)}: expected =, !=, ~ or in, found ${quoted(token.text)}`);
  }

  #value(field: QueryField, op: string): string {
    const token = this.#take('a value');
    if (token.kind === 'sign' || (token.kind === 'word' && KEYWORDS.has(token.text)))
      malformed(`${placeOf(token)}: expected a value, found ${quoted(token.text)}`);
    this.#terms++;
    if (this.#terms > MAX_QUERY_TERMS)
      throw new SelectorFault(
        'selector-too-large',
        `a query has at most ${MAX_QUERY_TERMS} comparisons`,
      );
    return field === 'id' ? this.#idValue(token, op) : token.text;
  }

  // An id that no target of the type can have would make the comparison void for ever: somebody mistyped.
  #idValue({ text, at }: QueryToken, op: string): string {
    const prefix = `${this.#type}:`;
    const value = text.startsWith(prefix) ? text.slice(prefix.length) : text;
    if (op === '~') return value;
    return (
      canonicalValue(this.#type, value) ??
      malformed(`character ${at + 1}: ${quoted(text)} cannot be the id of a ${this.#type}`)
    );
  }

  #take(wanted: string): QueryToken {
    const token = this.#tokens[this.#next];
    if (token === undefined) malformed(`the query ends where ${wanted} is expected`);
    this.#next++;
    return token;
  }

  #takes(kind: 'word' | 'sign', text: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#next++;
    return true;
  }

  #mustTake(sign: string): void {
    const token = this.#take(sign);
    if (token.kind !== 'sign' || token.text !== sign)
      malformed(`${placeOf(token)}: expected ${sign}, found ${quoted(token.text)}`);
  }
}

function isLabelField(text: string): text is `label.${string}` {
  return LABEL.test(text);
}

function placeOf({ at }: QueryToken): string {
  return `character ${at + 1}`;
}

function hintOf({ kind, text }: QueryToken): string {
  const lower = text.toLowerCase();
  if (kind === 'word' && lower !== text && KEYWORDS.has(lower)) return `; ${lower} is lower case`;
  return `, found ${quoted(text)}`;
}
