import { utf8 } from '@writ/core/bytes';
import {
  MAX_WEBHOOK_SKEW_SECONDS,
  parseWebhookSecret,
  signWebhook,
  verifyWebhook,
} from '@writ/policy/agent/sources/webhook-signature';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('signatures of webhooks');

// The published example of Standard Webhooks.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const TIME = 1_614_265_330;
const BODY = utf8('{"test": 2432232314}');
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

const secret = parseWebhookSecret(SECRET) ?? new Uint8Array();
const headers = { id: ID, timestamp: String(TIME), signature: SIGNATURE };

test('the published example is signed and verified', () => {
  assert.is(signWebhook(secret, ID, TIME, BODY), SIGNATURE);
  assert.equal(verifyWebhook(secret, headers, BODY, TIME), {
    isValid: true,
    id: ID,
    timestampSeconds: TIME,
  });
});

test('a sender that changes its secret sends two signatures', () => {
  const other = signWebhook(new Uint8Array(32), ID, TIME, BODY);
  const both = { ...headers, signature: `${other} ${SIGNATURE}` };
  assert.is(verifyWebhook(secret, both, BODY, TIME).isValid, true);
});

test('every flipped bit of body, id, time or signature is refused', () => {
  for (let i = 0; i < BODY.length * 8; i += 1) {
    const body = Uint8Array.from(BODY);
    body[i >> 3] = (body[i >> 3] ?? 0) ^ (1 << (i & 7));
    assert.is(verifyWebhook(secret, headers, body, TIME).isValid, false);
  }
  const wrong = [
    { ...headers, id: `${ID}x` },
    { ...headers, timestamp: String(TIME + 1) },
    { ...headers, timestamp: `0${TIME}` },
    { ...headers, timestamp: 'now' },
    { ...headers, signature: SIGNATURE.replace('v1,', 'v1a,') },
    { ...headers, signature: SIGNATURE.slice(0, -1) },
    { ...headers, signature: '' },
    { ...headers, signature: `${'v1,AAAA '.repeat(9)}${SIGNATURE}` },
    { ...headers, id: undefined },
    { ...headers, id: 'a.b\n' },
  ];
  for (const given of wrong)
    assert.is(verifyWebhook(secret, given, BODY, TIME).isValid, false, JSON.stringify(given));
  assert.is(verifyWebhook(new Uint8Array(24), headers, BODY, TIME).isValid, false);
});

test('a message is good for five minutes on either side of the clock', () => {
  const at = (now: number): boolean => verifyWebhook(secret, headers, BODY, now).isValid;
  assert.is(at(TIME + MAX_WEBHOOK_SKEW_SECONDS), true);
  assert.is(at(TIME + MAX_WEBHOOK_SKEW_SECONDS + 1), false);
  assert.is(at(TIME - MAX_WEBHOOK_SKEW_SECONDS - 1), false);
});

test('what is too short or of another form is no secret', () => {
  for (const text of ['whsec_', 'whsec_AAAA', SECRET.slice(6), `${SECRET}=`, 'whsec_!!!!'])
    assert.is(parseWebhookSecret(text), undefined, text);
});

test.run();
