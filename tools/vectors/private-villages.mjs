// Private villages (spec/private-villages.md): histories whose statements are sealed, and openings by themselves.

import { digest, fixedBytes, hex, invalid, valid } from './scenery.mjs';
import {
  AUDIT,
  cbor,
  changeOf,
  constitution,
  founded,
  foundedPrivately,
  INBOX,
  openingOf,
  POLICY,
  START,
  specOf,
  VILLAGE,
} from './village-history.mjs';

const RULE = 'constitution.visibility';

export function* privateHistories() {
  yield* judged();
  yield* refusedDresses();
  yield* malformedSeals();
}

/** All streams of a private village. */
function longHistory() {
  const history = foundedPrivately();
  history.seal(VILLAGE, 'policy-change', changeOf(1), 'ben');
  const proposal = history.seal(INBOX, 'policy-change', changeOf(2), 'oz');
  const seen = { proposal, digest: digest(specOf(2)) };
  history.seal(VILLAGE, 'quarantine-approve', seen, 'dot');
  history.seal(VILLAGE, 'approve', { proposal }, 'cid');
  history.time(START + 60);
  const denial = { stream: VILLAGE, statement: fixedBytes('a refused statement') };
  history.seal(AUDIT, 'denial', { ...denial, code: 'not-yet', rule: 'village.not-before' }, 'log');
  return history;
}

function* judged() {
  const history = longHistory();
  const policies = { [POLICY]: { version: 2, digest: hex(digest(specOf(2))) } };
  yield valid('village', 'private', 'A private village, for its members.', history.openedInput(), {
    villages: { 'north-grid': { constitution: 1, open: 0, policies } },
    not_judged: 0,
  });
  const states = [VILLAGE, INBOX, AUDIT].map((stream) => {
    const { seq, id, index } = history.heads.get(stream);
    const state = new Map([
      ['family', 'hidden'],
      ['head', [seq, id, index]],
    ]);
    return [stream, hex(digest(cbor(state)))];
  });
  const description = 'The same for everybody else: positions, and nothing judged.';
  yield valid('village', 'private-hidden', description, history.input, {
    villages: {},
    states: Object.fromEntries(states),
    not_judged: history.openings.length,
  });
}

function refused(name, description, history, refusal, input = history.openedInput()) {
  const isPosition = refusal === 'position-wrong';
  const code = isPosition ? 'stream-conflict' : 'statement-refused';
  const rule = isPosition ? 'stream.seq' : RULE;
  const detail = { index: history.statements.length - 1, refusal, rule };
  return invalid('village', name, description, input, code, detail);
}

function* refusedDresses() {
  const clear = foundedPrivately();
  clear.change(1, 'ben');
  yield refused('not-sealed', 'A statement in clear.', clear, 'not-sealed');
  yield refused('not-sealed-hidden', 'The same for a stranger.', clear, 'not-sealed', clear.input);
  const note = foundedPrivately();
  note.add(INBOX, 'policy-change', changeOf(1), 'oz');
  yield refused('not-sealed-inbox', 'A proposal of an outsider in clear.', note, 'not-sealed');
  const open = founded();
  open.seal(VILLAGE, 'policy-change', changeOf(1), 'ben');
  yield refused('sealed-in-public', 'A public village.', open, 'sealed-in-public');
  const mixed = foundedPrivately({ visibility: 'public' });
  yield refused(
    'sealed-founding-public',
    'A public one, founded sealed.',
    mixed,
    'sealed-in-public',
  );
  const bare = founded(constitution({ visibility: 'private' }));
  yield refused('private-founding-open', 'A private one, founded in clear.', bare, 'not-sealed');
  const lost = longHistory();
  const input = lost.openedInput(1);
  const at = { ...input, statements: input.statements.slice(0, 3) };
  const detail = { index: 2, refusal: 'opening-missing', rule: RULE };
  const description = 'The opening of the second statement is not at hand.';
  yield invalid('village', 'opening-missing', description, at, 'statement-refused', detail);
  const gap = foundedPrivately();
  gap.seal(VILLAGE, 'policy-change', changeOf(1), 'ben', { position: [5, fixedBytes('other')] });
  const { input: hidden } = gap;
  yield refused('hidden-gap', 'A gap, for a stranger.', gap, 'position-wrong', hidden);
  const secret = foundedPrivately();
  const law = { version: 2, reason: '' };
  secret.seal(VILLAGE, 'constitution-amend', { ...law, constitution: constitution() }, 'ada');
  yield refused('made-public', 'A private village goes public.', secret, 'visibility-fixed');
  const bright = founded();
  const veiled = constitution({ visibility: 'private' });
  bright.add(VILLAGE, 'constitution-amend', { ...law, constitution: veiled }, 'ada');
  yield refused('made-private', 'A public village goes private.', bright, 'visibility-fixed');
}

function* malformedSeals() {
  const malformed = (name, description, history, detail) =>
    invalid('village', name, description, history.openedInput(), 'statement-malformed', detail);
  const named = foundedPrivately();
  named.seal(VILLAGE, 'policy-change', changeOf(1), 'ben', { issuer: 'ben@example.com' });
  yield malformed('sealed-issuer', 'A seal with a name on it.', named, { field: 'issuer' });
  const timed = foundedPrivately();
  timed.seal(VILLAGE, 'policy-change', changeOf(1), 'ben', { issuedAt: START });
  yield malformed('sealed-time', 'A seal with a time on it.', timed, { field: 'issued at' });
  const twice = foundedPrivately();
  twice.seal(VILLAGE, 'sealed', { commitment: fixedBytes('x') }, 'ben');
  yield malformed('sealed-twice', 'A seal in a seal.', twice, { field: 'payload' });
  const misplaced = foundedPrivately();
  misplaced.seal(AUDIT, 'policy-change', changeOf(1), 'ada');
  yield malformed('sealed-stream', 'A kind without a place.', misplaced, { field: 'stream' });
}

export function* openingVectors() {
  const salt = fixedBytes('salt');
  const opening = openingOf('note', 'drill on Friday', salt);
  const inputOf = (bytes, commitment = digest(bytes)) => {
    return { opening: hex(bytes), commitment: hex(commitment) };
  };
  yield valid('opening', 'note', 'An opening and its commitment.', inputOf(opening), {
    salt: hex(salt),
    kind: 'note',
    payload: hex(cbor('drill on Friday')),
  });
  const other = digest(openingOf('note', 'drill on Friday', fixedBytes('another salt')));
  const wrong = inputOf(opening, other);
  yield invalid('opening', 'salt-other', 'Another salt.', wrong, 'opening-failed');
  const type = 'application/vnd.writ.note+cbor';
  const payload = cbor('drill on Friday');
  const malformed = (name, description, bytes) =>
    invalid('opening', name, description, inputOf(bytes), 'opening-malformed');
  const version = cbor(['writ-opening/v2', salt, type, payload]);
  yield malformed('version-other', 'Another version.', version);
  const short = cbor(['writ-opening/v1', salt.subarray(1), type, payload]);
  yield malformed('salt-short', 'A salt of 31 bytes.', short);
  const text = cbor(['writ-opening/v1', salt, 'text/plain', payload]);
  yield malformed('type-other', 'A content type of no kind.', text);
  const more = cbor(['writ-opening/v1', salt, type, payload, null]);
  yield malformed('item-more', 'An item more.', more);
  yield malformed('cut', 'Its last byte is missing.', opening.subarray(0, -1));
  yield malformed('longer', 'A byte behind it.', new Uint8Array([...opening, 0]));
  const large = cbor(['writ-opening/v1', salt, type, new Uint8Array(65_536)]);
  yield malformed('too-large', 'More than 65,535 bytes.', large);
}
