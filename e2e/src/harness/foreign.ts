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

/**
 * True when everything in `needs` was found; undefined stands for what was not. Else says what is skipped and why;
 * throws instead when WRIT_REQUIRE_ALL=1. At the top of a file that ends the whole run: prefer `testWith`.
 */
export function isAvailable(
  test: string,
  needs: Readonly<Record<string, string | undefined>>,
): boolean {
  const missing = Object.keys(needs).filter((name) => needs[name] === undefined);
  if (missing.length === 0) return true;
  const reason = `${missing.join(', ')} not found`;
  if (process.env['WRIT_REQUIRE_ALL'] === '1') throw new Error(`${test}: ${reason}`);
  process.stdout.write(`skipped: ${test} (${reason})\n`);
  return false;
}

/** How a suite of uvu takes a test. */
type AddTest = (title: string, body: () => Promise<void>) => void;

/** Adds a test if everything that it needs was found; else it is skipped, or fails, by name as in `isAvailable`. */
export function testWith(
  test: AddTest,
  title: string,
  needs: Readonly<Record<string, string | undefined>>,
  body: () => Promise<void>,
): void {
  try {
    if (isAvailable(title, needs)) test(title, body);
  } catch (error) {
    test(title, () => Promise.reject(error));
  }
}
