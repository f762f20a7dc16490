// Manifests of driver packages (spec/drivers.md section 2).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../repository-files.mjs';
import { invalid, valid } from './scenery.mjs';

const HEAD = `id: org.example.lamp
name: Lamps
version: 1.0.0
min_core_version: 1.0.0
category: smart-home
driver: { entrypoint: driver.js, language: javascript }
`;

const CAPABILITIES = `capabilities:
  - id: lamp.power
    verbs: [turn-on, turn-off]
    targets: [outlet]
    dry_run: required
    invertible: { turn-on: turn-off, turn-off: turn-on }
    idempotency: { key_fields: [verb, target_id] }
`;

const DIMMER = `capabilities:
  - id: lamp.level
    verbs: [set]
    targets: [outlet]
    invertible:
      set:
        verb: set
        params: { level: { low: high, high: low } }
    idempotency: { key_fields: [params.level] }
    params:
      set:
        type: object
        additionalProperties: false
        required: [level]
        properties:
          level: { type: string, enum: [low, high] }
`;

const WHOLE = HEAD + CAPABILITIES;

/** Name, description, text, and the first finding. */
const REFUSED = [
  ['empty', 'An empty file is no manifest.', '', ['manifest-yaml', '']],
  [
    'alias',
    'Anchors and aliases are not allowed.',
    WHOLE.replace('name: Lamps', 'name: &a Lamps'),
    ['manifest-yaml', ''],
  ],
  [
    'tag',
    'Tags are not allowed.',
    WHOLE.replace('name: Lamps', 'name: !!str Lamps'),
    ['manifest-yaml', ''],
  ],
  ['name-twice', 'A name is there once.', `${WHOLE}name: Others\n`, ['manifest-yaml', '']],
  ['two-documents', 'A file is one document.', `${WHOLE}---\n${WHOLE}`, ['manifest-yaml', '']],
  [
    'merge-key',
    'Merge keys mean nothing, so the member is unknown.',
    `${WHOLE}'<<': { category: storage }\n`,
    ['manifest-member-unknown', '/<<'],
  ],
  [
    'deep',
    'Nesting is bounded.',
    `${WHOLE}network: ${'['.repeat(40)}${']'.repeat(40)}\n`,
    ['manifest-yaml', ''],
  ],
  [
    'not-a-number',
    'JSON has no infinity.',
    `${WHOLE}defaults: { timeout_s: .inf }\n`,
    ['manifest-yaml', ''],
  ],
  [
    'too-large',
    'A manifest has at most 64 KiB.',
    `${WHOLE}# ${'x'.repeat(65_536)}\n`,
    ['manifest-yaml', ''],
  ],
  [
    'unknown-member',
    'The schema is closed.',
    `${WHOLE}hooks: []\n`,
    ['manifest-member-unknown', '/hooks'],
  ],
  [
    'no-version',
    'A version is needed.',
    WHOLE.replace('version: 1.0.0\nmin', 'min'),
    ['manifest-member-missing', ''],
  ],
  [
    'version-number',
    'A version is a semantic version.',
    WHOLE.replace('version: 1.0.0\nmin', 'version: 1.0\nmin'),
    ['manifest-value', '/version'],
  ],
  [
    'core-version-later',
    'A driver for a later contract does not run here.',
    WHOLE.replace('min_core_version: 1.0.0', 'min_core_version: 2.0.0'),
    ['manifest-core-version', '/min_core_version'],
  ],
  [
    'id-plain',
    'An id is a reverse-domain name.',
    WHOLE.replace('org.example.lamp', 'lamp'),
    ['manifest-value', '/id'],
  ],
  [
    'category-unknown',
    'Categories are a closed list.',
    WHOLE.replace('smart-home', 'lamps'),
    ['manifest-value', '/category'],
  ],
  [
    'language-other',
    'Drivers are JavaScript.',
    WHOLE.replace('language: javascript', 'language: python'),
    ['manifest-value', '/driver/language'],
  ],
  [
    'entrypoint-outside',
    'An entrypoint lies in the package.',
    WHOLE.replace('driver.js', '../driver.js'),
    ['manifest-value', '/driver/entrypoint'],
  ],
  [
    'no-capabilities',
    'A driver can do something.',
    `${HEAD}capabilities: []\n`,
    ['manifest-value', '/capabilities'],
  ],
  [
    'target-type-unknown',
    'Target types are those of the registry.',
    WHOLE.replace('[outlet]', '[poe_port]'),
    ['manifest-target-type', '/capabilities/0/targets/0'],
  ],
  [
    'inverse-not-a-verb',
    'A verb is undone by a verb of the capability.',
    WHOLE.replace('turn-on: turn-off', 'turn-on: vanish'),
    ['manifest-inverse', '/capabilities/0/invertible/turn-on'],
  ],
  [
    'inverse-one-way-back',
    'What is declared both ways leads back.',
    WHOLE.replace('turn-off: turn-on }', 'turn-off: turn-off }'),
    ['manifest-inverse', '/capabilities/0/invertible/turn-on'],
  ],
  [
    'flip-not-an-involution',
    'A parameter map leads back.',
    (HEAD + DIMMER).replace('high: low', 'high: high'),
    ['manifest-inverse', '/capabilities/0/invertible/set/params/level/high'],
  ],
  [
    'key-field-unknown',
    'Key fields are parameters.',
    WHOLE.replace('target_id]', 'params.level]'),
    ['manifest-key-field', '/capabilities/0/idempotency/key_fields/1'],
  ],
  [
    'params-pattern',
    'Parameter schemas have no regular expressions.',
    (HEAD + DIMMER).replace('enum: [low, high]', 'pattern: "^l"'),
    ['manifest-params-schema', '/capabilities/0/params/set/properties/level/pattern'],
  ],
  [
    'secret-parameter',
    'Parameters go into the log.',
    (HEAD + DIMMER).replace('enum: [low, high]', 'secret: true'),
    ['manifest-params-schema', '/capabilities/0/params/set/properties/level/secret'],
  ],
  [
    'sla-61',
    'A dry run is given 60 seconds at most.',
    `${WHOLE}defaults: { dry_run_refresh_sla_s: 61 }\n`,
    ['manifest-value', '/defaults/dry_run_refresh_sla_s'],
  ],
  [
    'network-any',
    'There is no address for anywhere.',
    `${WHOLE}network: ['*:443']\n`,
    ['manifest-value', '/network/0'],
  ],
  [
    'network-nowhere',
    'A pointer leads to a text of the connection.',
    `${WHOLE}network: ['connection:/address']\n`,
    ['manifest-network', '/network/0'],
  ],
  [
    'permission-unknown',
    'Permissions are a closed list.',
    `${WHOLE}permissions: [root]\n`,
    ['manifest-value', '/permissions/0'],
  ],
];

export function* manifestVectors() {
  yield validManifest(
    'least',
    'A manifest with nothing but what it needs; the rest has defaults.',
    HEAD + CAPABILITIES,
    {
      id: 'org.example.lamp',
      capabilities: ['lamp.power'],
      dry_run_refresh_sla_s: 5,
    },
  );
  yield validManifest(
    'parameter-flip',
    'A verb that undoes itself with another value.',
    HEAD + DIMMER,
    {
      id: 'org.example.lamp',
      capabilities: ['lamp.level'],
      dry_run_refresh_sla_s: 5,
    },
  );
  yield validManifest(
    'sla-override',
    'A driver that needs longer for a dry run.',
    `${HEAD}${CAPABILITIES}defaults: { dry_run_refresh_sla_s: 60 }\n`,
    {
      id: 'org.example.lamp',
      capabilities: ['lamp.power'],
      dry_run_refresh_sla_s: 60,
    },
  );
  for (const [name, id, capability] of [
    ['exec', 'org.writ.exec', 'command.run'],
    ['http', 'org.writ.http', 'webhook.send'],
    ['ssh', 'org.writ.ssh', 'ssh.command'],
  ]) {
    const yaml = readFileSync(join(repositoryRoot, `policy/drivers/${name}/plugin.yaml`), 'utf8');
    yield validManifest(`driver-${name}`, `The manifest of the driver ${name}.`, yaml, {
      id,
      capabilities: [capability],
      dry_run_refresh_sla_s: 5,
    });
  }
  for (const [name, description, yaml, [finding, path]] of REFUSED)
    yield invalid('manifest', name, description, { yaml }, finding, { path });
}

function validManifest(name, description, yaml, facts) {
  return valid('manifest', name, description, { yaml }, facts);
}
