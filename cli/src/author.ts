// From a payload to a statement in the log: sign at the proven head, submit, verify the proof that comes back.

import { formatHex } from '@writ/core/bytes';
import { Ed25519Verifier } from '@writ/core/ed25519';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { SALT_SIZE, signSealed } from '@writ/core/statements/sealed';
import {
  checkStatementSignature,
  decodeStatement,
  type StatementSigner,
  signStatement,
} from '@writ/core/statements/statement';
import type { VillageState } from '@writ/core/streams/village-state';
import type { Signed } from '@writ/policy/agent/log-client';
import { openProof } from '@writ/verifier/entry';
import type { Followed } from '@writ/verifier/follow/reading';
import { openStreamProof } from '@writ/verifier/stream';
import type { Context } from './context.ts';
import type { Surroundings } from './surroundings.ts';

/** Where a statement stands in its stream. */
export interface Position {
  readonly stream: string;
  readonly seq: number;
  readonly previous: Uint8Array | null;
}

export type View = Followed & { readonly state: VillageState };

export type Visibility = Constitution['visibility'];

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

/** Whether to seal, and what signing needs of the world. */
export interface Dress {
  readonly world: Pick<Surroundings, 'nowSeconds' | 'random'>;
  readonly visibility: Visibility;
}

/**
 * The signed statement, sealed in a private village. Its signature is checked before anybody gets it, so a key or a
 * library that fails gives an error and never an artefact. LogError statement-bad-signature.
 */
export function signAt(
  position: Position,
  payload: Payload,
  key: SignerKey,
  { world, visibility }: Dress,
): Signed {
  const fields = { ...position, kind: payload.kind, payload: encodePayload(payload) };
  const signer: StatementSigner = {
    publicKey: key.publicKey,
    sign: (message) => key.signRaw(message),
  };
  const issuedAtSeconds = world.nowSeconds();
  const signed =
    visibility === 'private'
      ? signSealed(fields, world.random(SALT_SIZE), signer)
      : {
          bytes: signStatement({ ...fields, issuer: key.name, issuedAtSeconds }, signer),
          opening: undefined,
        };
  checkStatementSignature(decodeStatement(signed.bytes), new Ed25519Verifier(key.publicKey));
  return signed;
}

/** Submits a statement and verifies the proof. LogError not-published when the witnesses are not done in time. */
export async function submit(context: Context, signed: Signed): Promise<Logged> {
  const [policy, log] = [await context.policy(), await context.log()];
  const { bytes } = signed;
  const { id, stream, seq } = decodeStatement(bytes);
  const proof = await log.submit(signed, context.waitSeconds);
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
    const { visibility } = view.state.law;
    const signed = signAt(positionFor(view), payload, key, { world: context.world, visibility });
    try {
      return await submit(context, signed);
    } catch (error) {
      if (!isLogError(error, 'stream-conflict') || attempt === ATTEMPTS) throw error;
      await context.world.sleep(RETRY_MS);
    }
  }
}

/** Signs and submits a statement at the proven head of a stream that is not the village's. */
export async function append(
  context: Context,
  stream: string,
  payload: Payload,
  visibility: Visibility,
): Promise<Logged> {
  const key = await context.key();
  const { world } = context;
  for (let attempt = 1; ; attempt++) {
    const position = await provenPosition(context, stream);
    try {
      return await submit(context, signAt(position, payload, key, { world, visibility }));
    } catch (error) {
      if (!isLogError(error, 'stream-conflict') || attempt === ATTEMPTS) throw error;
      await context.world.sleep(RETRY_MS);
    }
  }
}

// No matter how old: a statement behind an old head is refused, and signed anew.
async function provenPosition(context: Context, stream: string): Promise<Position> {
  const [policy, log] = [await context.policy(), await context.log()];
  const { head } = openStreamProof(await log.streamHead(stream), policy, { stream });
  if (head === null) return { stream, seq: 0, previous: null };
  return { stream, seq: head.seq + 1, previous: head.statementId };
}

/** One line about a logged statement. */
export function loggedLine(what: string, { id, seq, index }: Logged): string {
  return `${what}: entry ${index}, seq ${seq}, statement ${id}`;
}
