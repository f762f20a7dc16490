// Why a selector cannot be read: thrown by its parsers, turned into a finding by `parseSelector`, never seen outside.

export type SelectorCode =
  | 'selector-malformed'
  | 'selector-too-large'
  | 'selector-type-mismatch'
  | 'selector-range-reversed';

export class SelectorFault extends Error {
  readonly code: SelectorCode;

  constructor(code: SelectorCode, message: string) {
    super(message);
    this.name = 'SelectorFault';
    this.code = code;
  }
}

/** Throws `selector-malformed`. */
export function malformed(message: string): never {
  throw new SelectorFault('selector-malformed', message);
}

/** What was typed, short enough and plain enough for a message. */
export function quoted(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  return JSON.stringify(short);
}
