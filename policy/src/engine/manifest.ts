// `plugin.yaml`: what a driver package says of itself (spec/drivers.md section 2).
//
//     id: org.example.lamp
//     name: Lamps
//     version: 1.0.0
//     min_core_version: 1.0.0
//     category: smart-home
//     driver: { entrypoint: driver.js, language: javascript }
//     capabilities:
//       - id: lamp.power
//         verbs: ['on', 'off']
//         targets: [host]
//         invertible: { 'on': 'off', 'off': 'on' }

import { type ReadManifest, readManifestValue } from './manifest-schema.ts';
import { readManifestYaml } from './manifest-yaml.ts';

/** The name of the manifest in a package and in the folder that it is made of. */
export const MANIFEST_FILE = 'plugin.yaml';

/** Reads a manifest; never throws for what is in it. Every finding's path resolves in the document. */
export function readManifest(bytes: Uint8Array): ReadManifest {
  const read = readManifestYaml(bytes);
  return 'findings' in read ? read : readManifestValue(read.value);
}
