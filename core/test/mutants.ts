// What transport and attackers make of good bytes, and the one property that every parser has: it refuses with its own
// code, or it read exactly what is there.

import { formatHex } from '@writ/core/bytes';
import { type ErrorCode, isLogError, type LogError } from '@writ/core/errors';
import * as assert from 'uvu/assert';

/** Every shorter start of `bytes`, some longer ones, and every single bit flipped. */
export function* mutantsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (const byte of [0x00, 0x0a, 0x20, 0x30, 0x3d, 0x41, 0xff]) {
    yield Uint8Array.from([...bytes, byte]);
    yield Uint8Array.from([byte, ...bytes]);
  }
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const at = Math.floor(bit / 8);
    yield bytes.with(at, (bytes[at] ?? 0) ^ (1 << (bit % 8)));
  }
}

/** A parser under test and its inverse. */
export interface Format<T> {
  readonly parse: (bytes: Uint8Array) => T;
  readonly format: (value: T) => Uint8Array;
  /** Codes of its refusals. */
  readonly codes: readonly ErrorCode[];
}

/** Feeds the mutants of `good` to a parser; returns how many it accepted, each of them read exactly. */
export function checkMutants<T>(good: Uint8Array, { parse, format, codes }: Format<T>): number {
  assert.equal(format(parse(good)), good, 'the original does not survive a round trip');
  let accepted = 0;
  for (const mutant of mutantsOf(good)) {
    try {
      assert.equal(format(parse(mutant)), mutant, `reads ${formatHex(mutant)} as something else`);
      accepted++;
    } catch (error) {
      if (!isLogError(error)) throw error;
      assert.ok(codes.includes(error.code), `${error.code} is not a code of this parser`);
    }
  }
  return accepted;
}

/** Lifts a parser of text to bytes, for mutants that are still text. */
export function textFormat<T>(
  parse: (text: string) => T,
  format: (value: T) => string,
  codes: readonly ErrorCode[],
): Format<T> {
  const decoder = new TextDecoder('latin1');
  return {
    parse: (bytes) => parse(decoder.decode(bytes)),
    format: (value) => Uint8Array.from(format(value), (character) => character.charCodeAt(0)),
    codes,
  };
}

/** The LogError that `run` throws; fails when it returns or throws anything else. */
export function refusal(run: () => unknown, code: ErrorCode): LogError {
  try {
    run();
  } catch (error) {
    if (!isLogError(error)) throw error;
    assert.is(error.code, code);
    return error;
  }
  return assert.unreachable(`accepted what should be ${code}`) ?? never();
}

function never(): never {
  throw new Error('unreachable');
}
