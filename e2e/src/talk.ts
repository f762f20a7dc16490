// Words on the terminal: bold and dim where there is one, plain everywhere else.

import { relative } from 'node:path';

type Style = 'bold' | 'dim' | 'green' | 'red';

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
};

/** Puts `text` in a style when standard output is a terminal that wants it (https://no-color.org). */
export function styled(style: Style, text: string): string {
  const { NO_COLOR: noColor = '', TERM: term } = process.env;
  if (!process.stdout.isTTY || noColor !== '' || term === 'dumb') return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Prints lines. */
export function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What went wrong, in words; a stack only for what is our own fault. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'LogError' ? error.message : (error.stack ?? error.message);
}

/** A path as short as it can be said from here, quoted where a shell would split it. */
export function pathFromHere(path: string): string {
  const short = relative('.', path);
  const chosen = short.startsWith('..') || short === '' ? path : short;
  return /^[\w./-]+$/.test(chosen) ? chosen : `'${chosen.replaceAll("'", "'\\''")}'`;
}
