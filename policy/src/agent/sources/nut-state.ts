// What the variables of a UPS mean to policies: its states and its metrics (spec/policy-engine.md section 2). The words of
// `ups.status` are those of RFC 9271 and the NUT developer guide.

import type { Scalar } from '../../engine/policy-spec.ts';

/** Word of `ups.status` → the state that a policy names. */
const STATES: ReadonlyMap<string, string> = new Map([
  ['OL', 'mains-returned'],
  ['OB', 'mains-lost'],
  ['LB', 'low-battery'],
  ['RB', 'replace-battery'],
  ['OVER', 'overload'],
  ['BYPASS', 'bypass'],
  ['OFF', 'output-off'],
  ['FSD', 'forced-shutdown'],
]);

/** Variable → metric, with what one unit of the variable is in units of the metric. */
const METRICS: readonly (readonly [variable: string, metric: string, factor: number])[] = [
  ['battery.charge', 'ups.charge_pct', 1],
  ['battery.runtime', 'ups.runtime_minutes', 1 / 60],
  ['battery.voltage', 'ups.battery_voltage', 1],
  ['battery.temperature', 'ups.temperature_c', 1],
  ['ups.temperature', 'ups.temperature_c', 1],
  ['input.voltage', 'ups.input_voltage', 1],
  ['output.voltage', 'ups.output_voltage', 1],
  ['ups.load', 'ups.load_pct', 1],
];

const NUMBER = /^-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?$|^0[0-9]{1,8}(?:\.[0-9]{1,9})?$/;

export interface UpsReading {
  /** False while the driver still waits for the UPS, or lost it: nothing is known then. */
  readonly isKnown: boolean;
  readonly states: readonly string[];
  readonly samples: ReadonlyMap<string, Scalar>;
}

/** Reads the variables of one UPS. */
export function readUps(variables: ReadonlyMap<string, string>): UpsReading {
  const words = (variables.get('ups.status') ?? '').split(' ').filter((word) => word !== '');
  const states = words.flatMap((word) => STATES.get(word) ?? []);
  const isKnown = words.includes('OL') || words.includes('OB') || words.includes('FSD');
  if (!isKnown) return { isKnown, states: ['comm-lost'], samples: new Map() };
  // A low battery that is charging again is no reason to act: it ended with the mains.
  const isOnMains = words.includes('OL') && !words.includes('OB');
  const shown = states.filter((state) => state !== 'low-battery' || !isOnMains);
  const samples = new Map<string, Scalar>();
  for (const [variable, metric, factor] of METRICS) {
    const text = variables.get(variable);
    if (text !== undefined && NUMBER.test(text)) samples.set(metric, Number(text) * factor);
  }
  if (!words.includes('LB') || isOnMains) shown.push('battery-ok');
  return { isKnown, states: shown, samples };
}
