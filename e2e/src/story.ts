// A narrative of numbered chapters, whose lines are claims that were checked.

import { say, styled } from './talk.ts';

/** Tells and counts. */
export class Story {
  #chapters = 0;
  #checked = 0;
  #failed = 0;

  constructor(title: string) {
    say('', `  ${styled('bold', title)}`);
  }

  chapter(title: string): void {
    this.#chapters++;
    say('', `  ${styled('bold', `${this.#chapters}  ${title}`)}`);
  }

  tell(text: string): void {
    say(`     ${text}`);
  }

  /** Tells `claim` with whether it holds. */
  check(holds: boolean, claim: string): void {
    this.#checked++;
    if (!holds) this.#failed++;
    say(`   ${holds ? styled('green', '✓') : styled('red', '✗ WRONG:')} ${claim}`);
  }

  /** What a program said, line by line. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) say(styled('dim', `       ${line}`));
  }

  /** The sum; true when every claim held. */
  end(): boolean {
    const held = this.#checked - this.#failed;
    const sum = `${held} of ${this.#checked} claims held.`;
    say('', `  ${styled(this.#failed === 0 ? 'green' : 'red', sum)}`, '');
    return this.#failed === 0;
  }
}

/** The first line of what a program said. */
export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
