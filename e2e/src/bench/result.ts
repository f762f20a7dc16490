// What a benchmark says, and the goals it is held against.

export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** At least (or at most) this is owed. */
  readonly goal: number;
  readonly stretch: number;
  readonly better: 'higher' | 'lower';
}

/** One benchmark: produces results named in its own file. Talk goes to `say`, never to stdout. */
export interface Benchmark {
  readonly name: string;
  run(say: (line: string) => void): Promise<Result[]>;
}

export function higher(
  name: string,
  value: number,
  unit: string,
  goal: number,
  stretch: number,
): Result {
  return { name, value, unit, goal, stretch, better: 'higher' };
}

export function lower(
  name: string,
  value: number,
  unit: string,
  goal: number,
  stretch: number,
): Result {
  return { name, value, unit, goal, stretch, better: 'lower' };
}

/** The middle of `values`; the p-quantile for other p. Sorts a copy. */
export function quantile(values: ArrayLike<number>, p: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}
