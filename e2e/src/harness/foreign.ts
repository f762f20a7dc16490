// What the tests need and this repository does not bring: programs of other people, and the vector collection.
// Something that is missing is skipped by name, or fails by name when WRIT_REQUIRE_ALL=1.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian keeps programs that it does not put on the path. */
const OFF_PATH: Readonly<Record<string, string>> = { go: '/usr/lib/go-1.19/bin/go' };
/** Debian's library of golang.org/x/mod, for GOPATH mode. */
const GOPATH = '/usr/share/gocode';
const GO_MOD = join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog');

/** Environment for `go` to build with Debian's libraries alone. */
export const GO_ENV: Readonly<Record<string, string>> = {
  GO111MODULE: 'off',
  GOPATH,
  GOFLAGS: '',
};

/** Path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = folders.map((folder) => join(folder, name));
  const offPath = OFF_PATH[name];
  return [...paths, ...(offPath === undefined ? [] : [offPath])].find(existsSync);
}

/** Go, if its note and tlog packages are there too. */
export function findGo(): string | undefined {
  return existsSync(GO_MOD) ? findProgram('go') : undefined;
}

/** The folder of third-party vectors: WRIT_VECTORS. */
export function findVectors(): string | undefined {
  const folder = process.env['WRIT_VECTORS'];
  return folder !== undefined && existsSync(folder) ? folder : undefined;
}

/** What a test cannot do without, by name; undefined stands for what was not found. */
export type Needs = Readonly<Record<string, string | undefined>>;

/**
 * True when everything in `needs` was found. Else says what is skipped and why; throws instead when
 * WRIT_REQUIRE_ALL=1. At the top of a file that ends the whole run: prefer `isWanted` with `demand`.
 */
export function isAvailable(test: string, needs: Needs): boolean {
  const reason = missing(needs);
  if (reason === undefined) return true;
  if (process.env['WRIT_REQUIRE_ALL'] === '1') throw new Error(`${test}: ${reason}`);
  process.stdout.write(`skipped: ${test} (${reason})\n`);
  return false;
}

/** False, saying so, when a test is to be skipped. With WRIT_REQUIRE_ALL=1 it is run, to fail in `demand`. */
export function isWanted(test: string, needs: Needs): boolean {
  return process.env['WRIT_REQUIRE_ALL'] === '1' || isAvailable(test, needs);
}

/** First step of a test that `isWanted`: throws with what is missing. */
export function demand(needs: Needs): void {
  const reason = missing(needs);
  if (reason !== undefined) throw new Error(reason);
}

function missing(needs: Needs): string | undefined {
  const names = Object.keys(needs).filter((name) => needs[name] === undefined);
  return names.length === 0 ? undefined : `${names.join(', ')} not found`;
}
