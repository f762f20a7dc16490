// Signatures of many statements, checked while the next ones are judged. Nothing that rests on them may be handed out
// before all of them are known to hold.

import type { Ed25519Verifier } from '@writ/core/ed25519';
import { checkStatementSignatureAsync, type Statement } from '@writ/core/statements/statement';

/** Checks under way at one time: enough for every core, and a bound on memory. */
const MAX_UNDER_WAY = 256;

export class SignatureChecks {
  #underWay: Promise<unknown>[] = [];

  /** Starts a check. Throws the first fault when it has to wait for those before. */
  async add(statement: Statement, signer: Ed25519Verifier): Promise<void> {
    const check = checkStatementSignatureAsync(statement, signer);
    this.#underWay.push(check.catch((error: unknown) => error));
    const fault = this.#underWay.length < MAX_UNDER_WAY ? undefined : await this.fault();
    if (fault !== undefined) throw fault;
  }

  /** Waits for the checks under way: why the first of them failed, in the order of `add`; undefined: all hold. */
  async fault(): Promise<unknown> {
    const faults = await Promise.all(this.#underWay);
    this.#underWay = [];
    return faults.find((fault) => fault !== undefined);
  }
}
