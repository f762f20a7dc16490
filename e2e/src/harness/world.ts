// A log, two witnesses and a client under load, made to be killed: the state that outlives every process, and the
// checks that compare it with what the processes say after they were started again.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatHex, utf8 } from '@writ/core/bytes';
import { parseAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { formatVkey, parseVkey, type VerifierKey } from '@writ/core/formats/key';
import { parseNote, parseSignatureLines } from '@writ/core/formats/note';
import { sha256 } from '@writ/core/sha256';
import type { Child } from './child.ts';
import { CosignRecorder } from './cosign-recorder.ts';
import type { Dice } from './dice.ts';
import { duplicates, Load } from './load.ts';
import {
  createLog,
  type LogProcess,
  type LogSetup,
  launchLog,
  waitUntilReady,
} from './log-process.ts';
import { openSigned, read, readEntries, SignedHeads } from './log-reader.ts';
import { freePort } from './ports.ts';
import {
  createWitness,
  startWitnessProcess,
  type WitnessProcess,
  type WitnessSetup,
} from './witness-process.ts';

const ORIGIN = 'kill.example/log';
const WITNESSES = ['w1', 'w2'];
const POLL_MS = 12;
/** Old acknowledgements that are looked up again after each restart. */
const OLD_SAMPLES = 4;

interface Witness {
  readonly setup: WitnessSetup;
  readonly key: VerifierKey;
  readonly recorder: CosignRecorder;
  process: WitnessProcess;
  /** The largest size that it has said to hold. */
  size: bigint;
}

/** Everything that a kill must not take away. */
export class World {
  readonly load: Load;
  /** Heads that the log or a witness signed. */
  readonly heads: SignedHeads = new SignedHeads();
  /** Kills so far. */
  kills: number = 0;
  witnessKills: number = 0;
  readonly #dice: Dice;
  readonly #setup: LogSetup;
  readonly #key: VerifierKey;
  readonly #options: Parameters<typeof launchLog>[1];
  readonly #witnesses: readonly Witness[];
  #log: LogProcess | undefined;
  /** The largest size that was served. */
  #served = 0n;
  /** Acknowledged indexes below this were compared after a restart. */
  #checked = 0;

  private constructor(
    dice: Dice,
    setup: LogSetup,
    options: Parameters<typeof launchLog>[1],
    witnesses: readonly Witness[],
  ) {
    this.#dice = dice;
    this.load = new Load(dice);
    this.#setup = setup;
    this.#key = parseVkey(setup.vkey);
    this.#options = options;
    this.#witnesses = witnesses;
  }

  /** Sets a log up and starts two witnesses of which one is enough. */
  static async create(scratch: string, dice: Dice, intervalMs: number): Promise<World> {
    const setup = await createLog(join(scratch, 'log'), ORIGIN);
    const witnesses: Witness[] = [];
    try {
      for (const name of WITNESSES) witnesses.push(await startWitness(scratch, name, setup.vkey));
      const policy = join(scratch, 'trust.policy');
      await writeFile(policy, policyText(setup.vkey, witnesses));
      const port = await freePort();
      return new World(dice, setup, { port, policy, profile: 'raw', intervalMs }, witnesses);
    } catch (error) {
      await closeWitnesses(witnesses);
      throw error;
    }
  }

  /** Requests for cosignatures that were seen. */
  get exchanges(): number {
    return this.#witnesses.reduce((sum, { recorder }) => sum + recorder.count, 0);
  }

  async start(): Promise<void> {
    this.#log = launchLog(this.#setup, this.#options);
    await waitUntilReady(this.#log);
  }

  /** Starts the log and kills it before it may be ready. */
  async killWhileStarting(waitMs: number): Promise<void> {
    const { child } = launchLog(this.#setup, this.#options);
    await sleep(waitMs);
    await this.#kill(child);
  }

  /**
   * Load and readers until `acknowledgements` have come in and for `waitMs` more, then kill -9; a witness is
   * killed in that time when one is given.
   */
  async killUnderLoad(
    { lanes, acknowledgements }: { readonly lanes: number; readonly acknowledgements: number },
    waitMs: number,
    witnessAfterMs?: number,
  ): Promise<void> {
    const { url, child } = this.#running();
    const reading = { isOn: true };
    const goal = this.load.acknowledged.size + acknowledgements;
    this.load.start(url, lanes);
    const poller = this.#poll(url, reading);
    const witness: Promise<void>[] = [];
    try {
      await child.waitUntil(() => this.load.acknowledged.size >= goal, undefined, 1);
      if (witnessAfterMs !== undefined) witness.push(this.#killWitness(witnessAfterMs));
      await sleep(waitMs);
      await this.#kill(child);
    } finally {
      // Whatever happened: nothing of ours may go on.
      reading.isOn = false;
      await Promise.all([this.load.stop(), poller, ...witness]);
    }
  }

  /** After a restart: nothing shrank, and what was acknowledged is where it was said to be. */
  async checkPromises(): Promise<void> {
    const { url } = this.#running();
    const note = await read(`${url}/checkpoint`);
    this.#observe(note);
    const size = Number(openSigned(note, this.#key).size);
    if (this.load.lastIndex >= size)
      throw new Error(`entry ${this.load.lastIndex} was acknowledged, ${size} are published`);
    const start = Math.min(this.#checked, this.load.lastIndex + 1);
    this.load.check(start, await readEntries(url, size, start, this.load.lastIndex + 1));
    this.#checked = this.load.lastIndex + 1;
    for (let i = 0; i < OLD_SAMPLES && this.#checked > 0; i++) {
      const index = this.#dice.between(0, this.#checked - 1);
      this.load.check(index, await readEntries(url, size, index, index + 1));
    }
    for (const witness of this.#witnesses) await this.#checkWitness(witness);
    if (this.load.violations.length > 0) throw new Error(this.load.violations.join('\n'));
  }

  /** At the end: every entry, every signed head, by the proofs of the log and without them. */
  async checkEverything(): Promise<void> {
    const { url } = this.#running();
    for (const witness of this.#witnesses) this.#keepExchanges(witness);
    const size = Number(openSigned(await read(`${url}/checkpoint`), this.#key).size);
    const entries = await readEntries(url, size, 0, size);
    this.load.check(0, entries);
    if (duplicates(entries) > 0) throw new Error('entries occur twice');
    for (const index of this.load.acknowledged.keys())
      if (index >= size) throw new Error(`the acknowledged entry ${index} is gone`);
    this.heads.checkByEntries(entries);
    await this.heads.checkByProofs(url);
  }

  async close(): Promise<void> {
    await this.#log?.child.kill();
    await closeWitnesses(this.#witnesses);
  }

  async #kill(child: Child): Promise<void> {
    const { signal } = await child.kill();
    if (signal !== 'SIGKILL') throw new Error(`the log ended by itself:\n${child.output}`);
    this.kills++;
  }

  #running(): LogProcess {
    if (this.#log === undefined) throw new RangeError('the log was not started');
    return this.#log;
  }

  async #poll(url: string, reading: { readonly isOn: boolean }): Promise<void> {
    while (reading.isOn) {
      const note = await read(`${url}/checkpoint`).catch(() => undefined); // killed meanwhile
      if (note !== undefined) this.#observe(note);
      await sleep(POLL_MS);
    }
  }

  /** A served checkpoint: signed, with its quorum, and never smaller than the one before. */
  #observe(note: Uint8Array): void {
    const checkpoint = openSigned(note, this.#key);
    openNote(
      parseNote(note),
      this.#witnesses.map(({ key }) => key),
    );
    if (checkpoint.size < this.#served)
      throw new Error(`served ${this.#served} entries, then ${checkpoint.size}`);
    this.#served = checkpoint.size;
    this.heads.keep(checkpoint);
  }

  async #killWitness(afterMs: number): Promise<void> {
    await sleep(afterMs);
    const witness = this.#witnesses[this.#dice.between(0, this.#witnesses.length - 1)];
    if (witness === undefined) throw new RangeError('no witness');
    witness.recorder.target = undefined;
    await witness.process.child.kill();
    this.witnessKills++;
    witness.process = await startWitnessProcess(witness.setup, [this.#setup.vkey]);
    witness.recorder.target = witness.process.url;
    await this.#checkWitness(witness);
  }

  /** What the witness says it cosigned last never shrinks and is no fork. */
  async #checkWitness(witness: Witness): Promise<void> {
    const { url } = witness.process;
    const response = await fetch(`${url}/${formatHex(sha256(utf8(ORIGIN)))}/checkpoint`);
    const note = new Uint8Array(await response.arrayBuffer());
    if (response.status === 404 && witness.size === 0n) return; // it has seen nothing yet
    const { size, root } = openSigned(note, witness.key);
    if (size < witness.size)
      throw new Error(`a witness held ${witness.size} entries, then ${size}`);
    witness.size = size;
    this.heads.keep({ origin: ORIGIN, size, root, extensions: [] });
    this.#keepExchanges(witness);
  }

  /** Every head that the log showed to the witness, and every cosignature that it gave. */
  #keepExchanges({ key, recorder }: Witness): void {
    for (const { request, status, answer } of recorder.takeExchanges()) {
      const note = parseNote(parseAddCheckpoint(request).checkpoint);
      openNote(note, [this.#key]);
      this.heads.keep(parseCheckpoint(note.text));
      if (status !== 200) continue;
      const signatures = parseSignatureLines(new TextDecoder().decode(answer));
      openNote({ text: note.text, signatures }, [key]);
    }
  }
}

async function startWitness(scratch: string, name: string, logVkey: string): Promise<Witness> {
  const setup = await createWitness(join(scratch, name), `kill.example/${name}`);
  const process = await startWitnessProcess(setup, [logVkey]);
  const recorder = await CosignRecorder.start();
  recorder.target = process.url;
  const [vkey = ''] = setup.vkeys;
  return { setup, key: parseVkey(vkey), recorder, process, size: 0n };
}

async function closeWitnesses(witnesses: readonly Witness[]): Promise<void> {
  for (const { process, recorder } of witnesses) {
    await process.child.kill();
    await recorder.close();
  }
}

function policyText(logVkey: string, witnesses: readonly Witness[]): string {
  const lines = witnesses.map(
    ({ key, recorder }, i) => `witness w${i + 1} ${formatVkey(key)} ${recorder.url}`,
  );
  const names = witnesses.map((_, i) => `w${i + 1}`).join(' ');
  return [`log ${logVkey}`, ...lines, `group either 1 ${names}`, 'quorum either', ''].join('\n');
}
