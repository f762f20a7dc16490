// Posting what a check found to an address of the operator's choice. Whatever that address does, it changes nothing
// about what was found.

import { LogError } from '@writ/core/errors';
import type { Surroundings } from './surroundings.ts';

const TIMEOUT_MS = 10_000;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether the address took it; a reason where it did not. */
export type Posted = { readonly sent: true } | { readonly sent: false; readonly reason: string };

/** An address that can take a report: https, or http on this machine. */
export class Webhook {
  readonly #url: URL;
  readonly #world: Surroundings;

  /** LogError usage for any other address. The message shows nothing of it: such addresses hold secrets. */
  constructor(text: string, world: Surroundings) {
    const url = URL.parse(text);
    if (url === null) throw new LogError('usage', '--webhook needs a web address');
    if (url.username !== '' || url.password !== '')
      throw new LogError('usage', '--webhook takes no user name and password in its address');
    const isLocal = url.protocol === 'http:' && LOOPBACK.test(url.hostname);
    if (url.protocol !== 'https:' && !isLocal)
      throw new LogError('usage', '--webhook needs https, or http on the loopback interface');
    this.#url = url;
    this.#world = world;
  }

  /** Posts JSON once, and waits ten seconds at most. Never throws. */
  async post(body: object): Promise<Posted> {
    const { fetch, timeout } = this.#world;
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: timeout(TIMEOUT_MS),
      });
      // Nothing that it says is of interest.
      await response.body?.cancel();
      if (response.ok) return { sent: true };
      return { sent: false, reason: `${this.#url.host} answers with status ${response.status}` };
    } catch (error) {
      return { sent: false, reason: `cannot reach ${this.#url.host}: ${reasonOf(error)}` };
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
