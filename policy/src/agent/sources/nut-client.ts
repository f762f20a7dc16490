// A client of upsd, the server of Network UPS Tools: its line protocol (RFC 9271 sections 4 and 5), reading only. One
// connection, one question at a time.

import { LogError } from '@writ/core/errors';

/** What a connection to upsd has to do; `node:net` behind it, or a test. */
export interface LineSocket {
  write(text: string): void;
  /** The next line without its end; undefined: the other side closed. Rejects when the connection failed. */
  readLine(): Promise<string | undefined>;
  close(): void;
}

/** Longest line that is read. */
export const MAX_NUT_LINE = 1024;
/** Most rows of one list. */
export const MAX_NUT_ROWS = 2000;

const NAME = /^[A-Za-z0-9_.-]{1,128}$/;

export class NutClient {
  readonly #socket: LineSocket;

  constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  /** Logs in, for servers that ask for it. LogError network-failed with the server's word. */
  async login(user: string, password: string): Promise<void> {
    await this.#ask('USERNAME', 'OK', ` ${quote(user)}`);
    await this.#ask('PASSWORD', 'OK', ` ${quote(password)}`);
  }

  /** Names of the UPSs with their descriptions. LogError network-failed, response-malformed. */
  async listUps(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#list('UPS', []);
    for (const [name = ''] of rows)
      if (!NAME.test(name)) malformed(`a UPS cannot be called ${shorten(name)}`);
    return new Map(rows.map(([name = '', description = '']) => [name, description]));
  }

  /** The variables of a UPS, such as `ups.status`. RangeError for what is no name of a UPS. */
  async listVariables(ups: string): Promise<ReadonlyMap<string, string>> {
    if (!NAME.test(ups)) throw new RangeError('not the name of a UPS');
    const rows = await this.#list('VAR', [ups]);
    return new Map(rows.map(([name = '', value = '']) => [name, value]));
  }

  /** Says goodbye and closes; never throws. */
  close(): void {
    try {
      this.#socket.write('LOGOUT\n');
    } finally {
      this.#socket.close();
    }
  }

  async #list(what: string, of: readonly string[]): Promise<string[][]> {
    const words = [what, ...of].join(' ');
    await this.#ask(`LIST ${words}`, `BEGIN LIST ${words}`);
    const rows: string[][] = [];
    for (;;) {
      const line = await this.#line();
      if (line === `END LIST ${words}`) return rows;
      if (rows.length >= MAX_NUT_ROWS) malformed(`more than ${MAX_NUT_ROWS} rows`);
      rows.push(this.#row(line, what, of));
    }
  }

  #row(line: string, what: string, of: readonly string[]): string[] {
    const words = splitNutLine(line);
    const head = [what, ...of];
    const isOurs = words !== undefined && head.every((word, i) => words[i] === word);
    if (!isOurs || words.length !== head.length + 2)
      malformed(`an unexpected row: ${shorten(line)}`);
    return words.slice(head.length);
  }

  /** `secret` is sent behind the question and never said in an error. */
  async #ask(question: string, expected: string, secret = ''): Promise<void> {
    this.#socket.write(`${question}${secret}\n`);
    const line = await this.#line();
    if (line === expected || (expected === 'OK' && line.startsWith('OK'))) return;
    // What answers a secret may hold it.
    const said = shorten(secret === '' ? line : line.replaceAll(secret.slice(2, -1), '…'));
    if (line.startsWith('ERR '))
      throw new LogError('network-failed', `upsd answered ${question} with ${said}`);
    malformed(`${said} in place of ${expected}`);
  }

  async #line(): Promise<string> {
    const line = await this.#socket.readLine();
    if (line === undefined) throw new LogError('network-failed', 'upsd closed the connection');
    return line;
  }
}

/**
 * The words of a line: separated by single spaces, in double quotes where they hold one, with `\"` and `\\` inside.
 * undefined: not such a line.
 */
export function splitNutLine(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (words.length > 0 && line[at++] !== ' ') return undefined;
    if (line[at] === '"') {
      let word = '';
      for (at += 1; line[at] !== '"'; at += 1) {
        if (line[at] === '\\') at += 1;
        const char = line[at];
        if (char === undefined) return undefined;
        word += char;
      }
      at += 1;
      words.push(word);
    } else {
      const space = line.indexOf(' ', at);
      const end = space === -1 ? line.length : space;
      if (end === at) return undefined;
      words.push(line.slice(at, end));
      at = end;
    }
  }
  return words;
}

function quote(text: string): string {
  // A line end would begin a command of its own.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new RangeError('control characters cannot be sent');
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function shorten(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return JSON.stringify(text.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, 80));
}

function malformed(reason: string): never {
  throw new LogError('response-malformed', `upsd: ${reason}`);
}
