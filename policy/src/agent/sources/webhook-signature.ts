// Signatures of webhooks as in Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, in three headers.
//
//   webhook-id: msg_2Kw5
//   webhook-timestamp: 1614265330
//   webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=

import { createHmac, timingSafeEqual } from 'node:crypto';
import { formatBase64, parseBase64, parseDecimal } from '@writ/core/bytes';

/** How far the timestamp may be from the clock, in seconds. */
export const MAX_WEBHOOK_SKEW_SECONDS = 300;
/** Shortest and longest secret in bytes, as the document recommends. */
export const WEBHOOK_SECRET_SIZE = { min: 24, max: 64 } as const;
/** Most signatures in one header: a sender that changes its secret sends two. */
const MAX_SIGNATURES = 8;

const ID = /^[A-Za-z0-9_.-]{1,128}$/;

export interface WebhookHeaders {
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
}

export type WebhookVerdict =
  | { readonly isValid: true; readonly id: string; readonly timestampSeconds: number }
  | { readonly isValid: false; readonly reason: string };

/** The secret of `whsec_…`; undefined: it is none, or too short to be one. */
export function parseWebhookSecret(text: string): Uint8Array | undefined {
  const bytes = text.startsWith('whsec_') ? parseBase64(text.slice('whsec_'.length)) : undefined;
  if (bytes === undefined) return undefined;
  const { min, max } = WEBHOOK_SECRET_SIZE;
  return bytes.length >= min && bytes.length <= max ? bytes : undefined;
}

/** The value of `webhook-signature`. */
export function signWebhook(
  secret: Uint8Array,
  id: string,
  timestampSeconds: number,
  body: Uint8Array,
): string {
  return `v1,${formatBase64(mac(secret, id, String(timestampSeconds), body))}`;
}

/**
 * Whether the owner of `secret` sent `body` now. A valid message can be sent again by who saw it: the caller keeps its id
 * for twice MAX_WEBHOOK_SKEW_SECONDS.
 */
export function verifyWebhook(
  secret: Uint8Array,
  headers: WebhookHeaders,
  body: Uint8Array,
  nowSeconds: number,
): WebhookVerdict {
  const { id, timestamp, signature } = headers;
  if (id === undefined || timestamp === undefined || signature === undefined)
    return refused('webhook-id, webhook-timestamp and webhook-signature are needed');
  if (!ID.test(id)) return refused('webhook-id is not 1 to 128 of a-z A-Z 0-9 . _ -');
  const seconds = parseDecimal(timestamp);
  if (seconds === undefined) return refused('webhook-timestamp is no number of seconds');
  const timestampSeconds = Number(seconds);
  if (Math.abs(timestampSeconds - nowSeconds) > MAX_WEBHOOK_SKEW_SECONDS)
    return refused(`webhook-timestamp is over ${MAX_WEBHOOK_SKEW_SECONDS} s from this clock`);
  const expected = mac(secret, id, timestamp, body);
  const given = signature.split(' ');
  if (given.length > MAX_SIGNATURES) return refused('too many signatures');
  const isOurs = given.some((text) => isMac(text, expected));
  return isOurs ? { isValid: true, id, timestampSeconds } : refused('no signature is valid');
}

function isMac(text: string, expected: Uint8Array): boolean {
  const bytes = text.startsWith('v1,') ? parseBase64(text.slice(3)) : undefined;
  return bytes?.length === expected.length && timingSafeEqual(bytes, expected);
}

function mac(secret: Uint8Array, id: string, timestamp: string, body: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
}

function refused(reason: string): WebhookVerdict {
  return { isValid: false, reason };
}
