// The options of each command. Apart from what runs them, so that help does not load a server.

import type { Flag } from './command-line.ts';

/** Options of `writ-log init`. */
export const INIT_FLAGS: readonly Flag[] = [
  { name: 'origin', value: 'NAME', description: 'name of the log, a URL without scheme' },
  { name: 'dir', value: 'DIR', description: 'a new or empty folder' },
  { name: 'ml-dsa', description: 'also sign with ML-DSA-44' },
];

/** Options of `writ-log serve`. */
export const SERVE_FLAGS: readonly Flag[] = [
  { name: 'dir', value: 'DIR', description: 'folder of the log, from writ-log init' },
  { name: 'host', value: 'ADDRESS', description: 'address to listen on', fallback: '127.0.0.1' },
  { name: 'port', value: 'PORT', description: 'port to listen on', fallback: '8080' },
  { name: 'policy', value: 'FILE', description: 'trust policy with the witnesses and the quorum' },
  { name: 'authors', value: 'FILE', description: 'who may write what (profile statements)' },
  {
    name: 'profile',
    value: 'statements|raw',
    description: 'signed statements, or any bytes',
    fallback: 'statements',
  },
  {
    name: 'quorum',
    value: 'require|mark',
    description: 'without quorum publish nothing, or publish and mark',
    fallback: 'require',
  },
  { name: 'interval-ms', value: 'N', description: 'between checkpoints', fallback: '1000' },
  { name: 'refresh-seconds', value: 'N', description: 'cosign anew after', fallback: '600' },
  { name: 'witness-timeout-ms', value: 'N', description: 'wait for a witness', fallback: '5000' },
  { name: 'grease', description: 'add an unknown signature to every checkpoint' },
  { name: 'log-level', value: 'LEVEL', description: 'debug, info, warn, error', fallback: 'info' },
];
