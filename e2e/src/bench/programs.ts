// Where the built programs are.

import { fileURLToPath } from 'node:url';

/** The bundled `writ-verify`, as an auditor installs it. */
export function verifierProgram(): string {
  return fileURLToPath(new URL('../../../verifier/dist/writ-verify.js', import.meta.url));
}
