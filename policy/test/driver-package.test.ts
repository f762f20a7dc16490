import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { packDriverFolder } from '@writ/policy/agent/driver-folder';
import { verifiedDriverDigest } from '@writ/policy/engine/driver-digest';
import { openDriverPackage, packDriver } from '@writ/policy/engine/driver-package';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LAMP, lampPackage } from './driver-world.ts';

const driverPackage = suite('driver package');
const PACKAGE = lampPackage('export const driver = {};');
const DIGEST = verifiedDriverDigest(`sha256:${formatHex(sha256(PACKAGE))}`);

function openAny(bytes: Uint8Array): string {
  try {
    openDriverPackage(bytes, verifiedDriverDigest(formatHex(sha256(bytes))));
    return 'opened';
  } catch (error) {
    return isLogError(error) ? error.code : String(error);
  }
}

function raw(
  files: CborValue,
  format: CborValue = 'writ-driver-v1',
  more: [string, string][] = [],
): Uint8Array {
  return encodeCbor(
    new CborMap([['files', files], ['format', format], ['manifest', utf8(LAMP)], ...more]),
  );
}

const FILE = utf8('export const driver = {};');

driverPackage('comes back as it was packed', () => {
  const opened = openDriverPackage(PACKAGE, DIGEST);
  assert.is(opened.manifest.id, 'org.example.lamp');
  assert.equal([...opened.files], [['driver.js', FILE]]);
  assert.is(opened.digest, DIGEST.hex);
});

driverPackage('has one spelling, whatever the order of its files', () => {
  const content = fc.uint8Array({ maxLength: 50 });
  const name = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8})?\.js$/);
  fc.assert(
    fc.property(fc.dictionary(name, content), (more) => {
      const files = new Map([...Object.entries(more), ['driver.js', FILE] as const]);
      const backwards = new Map([...files].reverse());
      const bytes = packDriver(utf8(LAMP), files);
      assert.equal(bytes, packDriver(utf8(LAMP), backwards));
      const opened = openDriverPackage(bytes, verifiedDriverDigest(formatHex(sha256(bytes))));
      assert.is(opened.files.size, files.size);
    }),
  );
});

driverPackage(
  'is never loaded under another digest than the one that a verified policy names',
  () => {
    for (let at = 0; at < PACKAGE.length; at += 7) {
      const flipped = PACKAGE.map((byte, i) => (i === at ? byte ^ 1 : byte));
      let code = 'opened';
      try {
        openDriverPackage(flipped, DIGEST);
      } catch (error) {
        code = isLogError(error) ? error.code : String(error);
      }
      assert.is(code, 'hash-mismatch');
    }
  },
);

driverPackage('is not loaded on the word of a digest that nobody verified', () => {
  const imitation = JSON.parse(JSON.stringify(DIGEST));
  assert.throws(() => openDriverPackage(PACKAGE, imitation), /verified policy/);
  for (const text of ['', 'latest', 'sha256:', `sha1:${'0'.repeat(64)}`, 'A'.repeat(64)])
    assert.throws(() => verifiedDriverDigest(text), /hexadecimal/);
});

driverPackage('that is cut, extended or of another form does not open', () => {
  for (let length = 0; length < PACKAGE.length; length += 11)
    assert.is(openAny(PACKAGE.subarray(0, length)), 'cbor-malformed');
  assert.is(openAny(Uint8Array.from([...PACKAGE, 0])), 'cbor-malformed');
  const good = new CborMap([['driver.js', FILE]]);
  assert.is(openAny(raw(good)), 'opened');
  assert.is(openAny(raw(good, 'writ-driver-v2')), 'request-invalid');
  assert.is(openAny(raw(good, 'writ-driver-v1', [['extra', '']])), 'request-invalid');
  assert.is(openAny(raw([FILE])), 'request-invalid');
  assert.is(openAny(raw(new CborMap([['driver.js', 'text']]))), 'request-invalid');
  assert.is(openAny(raw(new CborMap([]))), 'request-invalid');
  assert.is(openAny(encodeCbor(7)), 'request-invalid');
});

const ESCAPES = [
  '../driver.js',
  '/driver.js',
  'a/../../driver.js',
  './a.js',
  'a//b.js',
  'a/',
  '.hidden',
  'a\\b.js',
  'C:\\a.js',
  'a\0.js',
  'ä.js',
  '',
  'plugin.yaml',
  'x'.repeat(121),
];

for (const path of ESCAPES) {
  driverPackage(`with a file called ${JSON.stringify(path.slice(0, 20))} does not open`, () => {
    assert.is(
      openAny(
        raw(
          new CborMap([
            ['driver.js', FILE],
            [path, FILE],
          ]),
        ),
      ),
      'request-invalid',
    );
  });
}

driverPackage(
  'has no file that is also a folder, and no two names that some disks take for one',
  () => {
    for (const path of ['driver.js/a', 'Driver.js'])
      assert.is(
        openAny(
          raw(
            new CborMap([
              ['driver.js', FILE],
              [path, FILE],
            ]),
          ),
        ),
        'request-invalid',
      );
  },
);

driverPackage('has bounded size and number of files', () => {
  const many = new Map(Array.from({ length: 257 }, (_, i) => [`f${i}.js`, FILE]));
  assert.throws(() => packDriver(utf8(LAMP), many), /at most 256 files/);
  const large = new Map([['driver.js', new Uint8Array(10 * 1024 * 1024)]]);
  assert.throws(() => packDriver(utf8(LAMP), large), /at most 10485760 bytes/);
});

driverPackage('of a folder takes plain files and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-folder-'));
  await writeFile(join(folder, 'plugin.yaml'), LAMP);
  await writeFile(join(folder, 'driver.js'), FILE);
  assert.equal(await packDriverFolder(folder), PACKAGE);
  await symlink('/etc/passwd', join(folder, 'link.js'));
  let message = '';
  await packDriverFolder(folder).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, 'link.js is not a plain file');
  await rm(folder, { recursive: true });
});

driverPackage.run();
