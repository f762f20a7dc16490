// A real upsd with NUT's own dummy driver, whose status a test sets with upsrw.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';

const FOLDER = '/lib/nut';

/** The dummy driver of NUT; undefined where NUT is not installed. */
export function findDummyUps(): string | undefined {
  const path = join(FOLDER, 'dummy-ups');
  return existsSync(path) ? path : undefined;
}

/** One UPS named `dummy` behind a real upsd. */
export class Upsd {
  readonly port: number;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ReturnType<typeof spawn>[] = [];

  private constructor(port: number) {
    this.port = port;
    // Not below the folder of the test: NUT needs a short path for its socket, and may run as another user.
    this.#folder = join(tmpdir(), `nut-${process.pid}-${port}`);
    this.#env = {
      PATH: process.env['PATH'],
      NUT_CONFPATH: this.#folder,
      NUT_STATEPATH: this.#folder,
      NUT_ALTPIDPATH: this.#folder,
    };
  }

  /** Starts both programs with the mains on. */
  static async start(): Promise<Upsd> {
    const upsd = new Upsd(await freePort());
    upsd.#configure();
    upsd.#run('dummy-ups', ['-a', 'dummy', '-F']);
    await upsd.#until(() => existsSync(join(upsd.#folder, 'dummy-ups-dummy')));
    upsd.#run('upsd', ['-F']);
    await upsd.#until(() => upsd.#status() === 'OL');
    return upsd;
  }

  /** Sets `ups.status`, such as `OB LB`, and waits until upsd shows it. */
  async set(status: string): Promise<void> {
    const args = ['-s', `ups.status=${status}`, '-u', 'admin', '-p', 'secret'];
    execFileSync('upsrw', [...args, `dummy@127.0.0.1:${this.port}`], {
      env: this.#env,
      stdio: 'ignore',
    });
    await this.#until(() => this.#status() === status);
  }

  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configure(): void {
    mkdirSync(this.#folder, { recursive: true });
    chmodSync(this.#folder, 0o700);
    const files: Record<string, string> = {
      'ups.conf': `[dummy]\n  driver = dummy-ups\n  port = ${this.#folder}/ups.dev\n  mode = dummy-once\n`,
      'ups.dev': 'ups.status: OL\nbattery.charge: 100\nbattery.runtime: 3600\n',
      'upsd.conf': `LISTEN 127.0.0.1 ${this.port}\n`,
      'upsd.users': '[admin]\n  password = secret\n  actions = SET\n  instcmds = ALL\n',
    };
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(this.#folder, name), text, { mode: 0o600 });
  }

  #run(program: string, args: readonly string[]): void {
    const path = program === 'upsd' ? join(FOLDER, 'upsd') : join(FOLDER, program);
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const child = spawn(path, [...args, ...user], { env: this.#env, stdio: 'ignore' });
    this.#children.push(child);
  }

  #status(): string {
    try {
      const args = [`dummy@127.0.0.1:${this.port}`, 'ups.status'];
      return execFileSync('upsc', args, { env: this.#env, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    } catch {
      return '';
    }
  }

  async #until(isReady: () => boolean): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      if (isReady()) return;
      await sleep(100);
    }
    throw new Error('NUT did not start within 10 s');
  }
}
