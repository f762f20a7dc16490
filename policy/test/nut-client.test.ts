import { isLogError } from '@writ/core/errors';
import {
  type LineSocket,
  MAX_NUT_ROWS,
  NutClient,
  splitNutLine,
} from '@writ/policy/agent/sources/nut-client';
import { readUps } from '@writ/policy/agent/sources/nut-state';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the protocol of upsd');

/** upsd as a script: what it says, whatever it is asked. */
class Script implements LineSocket {
  readonly written: string[] = [];
  readonly #lines: string[];
  constructor(...lines: string[]) {
    this.#lines = lines;
  }
  write(text: string): void {
    this.written.push(text);
  }
  async readLine(): Promise<string | undefined> {
    return this.#lines.shift();
  }
  close(): void {}
}

async function code(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
  } catch (error) {
    return isLogError(error) ? error.code : 'another error';
  }
  return undefined;
}

test('lists and variables are read with their quotes', async () => {
  const upsd = new Script(
    'BEGIN LIST UPS',
    'UPS rack "Main \\"rack\\" in C:\\\\"',
    'END LIST UPS',
    'BEGIN LIST VAR rack',
    'VAR rack ups.status "OB LB"',
    'VAR rack battery.runtime "300"',
    'END LIST VAR rack',
  );
  const client = new NutClient(upsd);
  assert.equal([...(await client.listUps())], [['rack', 'Main "rack" in C:\\']]);
  assert.equal((await client.listVariables('rack')).get('ups.status'), 'OB LB');
  assert.equal(upsd.written, ['LIST UPS\n', 'LIST VAR rack\n']);
});

test('an error of upsd is said in its words', async () => {
  const client = new NutClient(new Script('ERR ACCESS-DENIED'));
  try {
    await client.listUps();
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'ACCESS-DENIED');
  }
});

test('a login that is refused does not say the password', async () => {
  const client = new NutClient(new Script('OK', 'ERR ACCESS-DENIED'));
  try {
    await client.login('admin', 'hunter2hunter2');
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'ACCESS-DENIED');
    assert.not.match(String(error), 'hunter2');
  }
});

test('a name that no UPS can have is an answer of another shape, not the end of the node', async () => {
  for (const name of ['"a b"', '"a\\"b"', '""', `"${'x'.repeat(129)}"`]) {
    const upsd = new Script('BEGIN LIST UPS', `UPS ${name} "x"`, 'END LIST UPS');
    assert.is(await code(new NutClient(upsd).listUps()), 'response-malformed', name);
  }
});

test('answers of another shape are refused, whatever they are', async () => {
  const begin = 'BEGIN LIST UPS';
  const scripts: Record<string, string[]> = {
    'another list': ['BEGIN LIST VAR rack'],
    'another row': [begin, 'VAR rack ups.status "OL"'],
    'too many words': [begin, 'UPS rack "a" "b"'],
    'an open quote': [begin, 'UPS rack "a'],
    'an end that is not ours': [begin, 'END LIST VAR rack'],
    'rows without end': [begin, ...Array.from({ length: MAX_NUT_ROWS + 1 }, () => 'UPS a "b"')],
  };
  for (const [name, lines] of Object.entries(scripts))
    assert.is(
      await code(new NutClient(new Script(...lines)).listUps()),
      'response-malformed',
      name,
    );
  assert.is(await code(new NutClient(new Script(begin)).listUps()), 'network-failed');
});

test('what would begin another command is not sent', async () => {
  const upsd = new Script('OK');
  assert.is(await code(new NutClient(upsd).listVariables('a\nFSD b')), 'another error');
  assert.is(await code(new NutClient(upsd).login('admin', 'x\nFSD rack')), 'another error');
  assert.not.ok(upsd.written.join('').includes('FSD'));
});

test('splitting never throws, and finds again what was quoted', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      splitNutLine(text);
      const quoted = text.replace(/[\\"]/g, '\\$&');
      assert.equal(splitNutLine(`VAR u n "${quoted}"`), ['VAR', 'u', 'n', text]);
    }),
  );
});

test('the status of a UPS is told in the words of policies', () => {
  const states = (status: string): readonly string[] =>
    readUps(new Map([['ups.status', status]])).states;
  assert.equal(states('OL'), ['mains-returned', 'battery-ok']);
  assert.equal(states('OB DISCHRG'), ['mains-lost', 'battery-ok']);
  assert.equal(states('OB LB'), ['mains-lost', 'low-battery']);
  assert.equal(states('OL CHRG LB'), ['mains-returned', 'battery-ok']);
  assert.equal(states('FSD OB LB'), ['forced-shutdown', 'mains-lost', 'low-battery']);
  for (const status of ['', 'WAIT', 'nonsense']) {
    assert.equal(states(status), ['comm-lost']);
    assert.is(readUps(new Map([['ups.status', status]])).isKnown, false);
  }
});

test('only numbers become samples, in the units of policies', () => {
  const { samples } = readUps(
    new Map([
      ['ups.status', 'OB'],
      ['battery.runtime', '300'],
      ['battery.charge', '7.5'],
      ['ups.load', '0x20'],
      ['input.voltage', ''],
      ['output.voltage', 'Infinity'],
    ]),
  );
  assert.equal(
    [...samples],
    [
      ['ups.charge_pct', 7.5],
      ['ups.runtime_minutes', 5],
    ],
  );
});

test.run();
