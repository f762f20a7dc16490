// From a payload to a statement in the log: sign at the proven head, submit, verify the proof that comes back.

import { formatHex } from '@writ/core/bytes';
import { Ed25519Verifier } from '@writ/core/ed25519';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import {
  checkStatementSignature,
  decodeStatement,
  signStatement,
} from '@writ/core/statements/statement';
import type { VillageState } from '@writ/core/streams/village-state';
import { openProof } from '@writ/verifier/entry';
import type { Followed } from '@writ/verifier/follow/reading';
import type { Context } from './context.ts';

/** Where a statement stands in its stream. */
export interface Position {
  readonly stream: string;
  readonly seq: number;
  readonly previous: Uint8Array | null;
}

export type View = Followed & { readonly state: VillageState };

/** A statement that the log has, proved. */
export interface Logged {
  readonly id: string;
  readonly stream: string;
  readonly seq: number;
  readonly index: number;
}

/** Other authors write too: so often a statement is signed anew behind a head that moved. */
const ATTEMPTS = 10;
const RETRY_MS = 500;

/** The position behind the head of the village. */
export function positionAfter({ village, head }: VillageState): Position {
  return { stream: `village/${village}`, seq: head.seq + 1, previous: head.id };
}

/** The position behind the head of the inbox of the village. */
export function inboxPositionAfter({ state, inbox }: View): Position {
  const stream = `inbox/${state.village}`;
  if (inbox === null) return { stream, seq: 0, previous: null };
  return { stream, seq: inbox.head.seq + 1, previous: inbox.head.id };
}

/**
 * The signed statement. Its signature is checked before anybody gets it, so a key or a library that fails gives an
 * error and never an artefact. LogError statement-bad-signature.
 */
export function signAt(
  position: Position,
  payload: Payload,
  key: SignerKey,
  nowSeconds: number,
): Uint8Array {
  const bytes = signStatement(
    {
      kind: payload.kind,
      issuer: key.name,
      ...position,
      issuedAtSeconds: nowSeconds,
      payload: encodePayload(payload),
    },
    { publicKey: key.publicKey, sign: (message) => key.signRaw(message) },
  );
  checkStatementSignature(decodeStatement(bytes), new Ed25519Verifier(key.publicKey));
  return bytes;
}

/** Submits a statement and verifies the proof. LogError not-published when the witnesses are not done in time. */
export async function submit(context: Context, bytes: Uint8Array): Promise<Logged> {
  const [policy, log] = [await context.policy(), await context.log()];
  const { id, stream, seq } = decodeStatement(bytes);
  const proof = await log.submit(bytes, context.waitSeconds);
  if (proof === undefined) {
    const message = `statement ${formatHex(id)} is safe in the log, but not witnessed yet`;
    throw new LogError('not-published', message, { statement: formatHex(id) });
  }
  const { index } = openProof(proof, bytes, policy);
  return { id: formatHex(id), stream, seq, index: Number(index) };
}

/**
 * Signs what `payloadFor` makes of the village behind its head, and submits it. When somebody else was faster the
 * village is read again and the payload made anew.
 */
export async function write(
  context: Context,
  payloadFor: (view: View) => Payload | Promise<Payload>,
  positionFor: (view: View) => Position = ({ state }) => positionAfter(state),
): Promise<Logged> {
  const key = await context.key();
  for (let attempt = 1; ; attempt++) {
    const view = await context.view();
    const payload = await payloadFor(view);
    const position = positionFor(view);
    const bytes = signAt(position, payload, key, context.world.nowSeconds());
    try {
      return await submit(context, bytes);
    } catch (error) {
      if (!isLogError(error, 'stream-conflict') || attempt === ATTEMPTS) throw error;
      await context.world.sleep(RETRY_MS);
    }
  }
}

/** One line about a logged statement. */
export function loggedLine(what: string, { id, seq, index }: Logged): string {
  return `${what}: entry ${index}, seq ${seq}, statement ${id}`;
}
