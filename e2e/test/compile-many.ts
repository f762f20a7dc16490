// Compiles the policies in a file, one a line, and prints one line of JSON: what ran, and the digest over all IRs. Run
// by policy-determinism.slow.test.ts in several versions of Node: `node compile-many.js FILE`.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compile } from '@writ/policy/engine/compile';
import { irBytes } from '@writ/policy/engine/digests';
import { OPTIONS } from '@writ/policy/test/sample-policies';

const lines = readFileSync(process.argv[2] ?? '', 'utf8')
  .trimEnd()
  .split('\n');
const hash = createHash('sha256');
let bytes = 0;
for (const line of lines) {
  const compiled = compile(JSON.parse(line), OPTIONS);
  if (!compiled.ok) throw new Error(`${line}: ${JSON.stringify(compiled.findings)}`);
  const ir = irBytes(compiled.ir);
  bytes += ir.length;
  hash.update(ir).update(JSON.stringify(compiled.digests));
}
const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
console.log(
  JSON.stringify({
    node: process.version,
    locale,
    timeZone,
    policies: lines.length,
    bytes,
    digest: hash.digest('hex'),
  }),
);
