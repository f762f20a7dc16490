// The words of the query language (spec/selectors.md section 4).

import { malformed, quoted } from './selector-fault.ts';

export type QueryToken =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'quoted'; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number };

/** Words that are no values unless they stand in quotation marks. */
export const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in']);

const SPACE = /[ \t\r\n]/;
const SIGN = /^(?:!=|[=~(),])/;
const WORD = /^[A-Za-z0-9_./:@*?+-]+/;

/** Cuts `text` into tokens. Throws SelectorFault for a character that belongs to none. */
export function tokensOf(text: string): readonly QueryToken[] {
  const tokens: QueryToken[] = [];
  let at = 0;
  while (at < text.length) {
    if (SPACE.test(text.charAt(at))) {
      at++;
      continue;
    }
    const { token, end } = tokenAt(text, at);
    tokens.push(token);
    at = end;
  }
  return tokens;
}

/** `value` as it stands in a query. */
export function formatQueryValue(value: string): string {
  if (WORD.exec(value)?.[0] === value && !KEYWORDS.has(value)) return value;
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

function tokenAt(text: string, at: number): { token: QueryToken; end: number } {
  if (text.charAt(at) === '"') return quotedAt(text, at);
  const rest = text.slice(at);
  const sign = SIGN.exec(rest)?.[0];
  if (sign !== undefined) return { token: { kind: 'sign', text: sign, at }, end: at + sign.length };
  const word = WORD.exec(rest)?.[0];
  if (word === undefined)
    malformed(
      `character ${at + 1}, ${quoted([...rest][0] ?? '')}, belongs to nothing; values with special characters stand in "..."`,
    );
  return { token: { kind: 'word', text: word, at }, end: at + word.length };
}

function quotedAt(text: string, start: number): { token: QueryToken; end: number } {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"')
      return { token: { kind: 'quoted', text: value, at: start }, end: at + 1 };
    if (character !== '\\') value += character;
    else {
      const escaped = text.charAt(++at);
      if (escaped !== '"' && escaped !== '\\')
        malformed(`character ${at}: only \\" and \\\\ are escapes`);
      value += escaped;
    }
  }
  return malformed(`the quotation mark at character ${start + 1} is not closed`);
}
