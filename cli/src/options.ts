// The options of writ's commands.

import type { OptionSpec } from '@writ/verifier/cli/words';

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', about: 'one JSON object on standard output' },
  { name: 'help', short: 'h', about: 'how to use it' },
  { name: 'version', about: 'the version' },
];

export const LOG: OptionSpec = {
  name: 'log',
  value: 'URL',
  about: 'the log; else that of --policy, or WRIT_LOG',
};
export const POLICY: OptionSpec = {
  name: 'policy',
  value: 'FILE',
  about: 'trust policy: whom to believe; or WRIT_POLICY',
};
export const KEY: OptionSpec = {
  name: 'key',
  value: 'FILE',
  about: 'private key to sign with, and to read a private village with; or WRIT_KEY',
};
export const DRIVERS: OptionSpec = {
  name: 'drivers',
  value: 'DIR',
  about: 'a folder with .writ-driver packages, by which actions are checked',
};
export const DIR: OptionSpec = { name: 'dir', value: 'DIR', about: 'local state; or WRIT_DIR' };
export const VILLAGE: OptionSpec = {
  name: 'village',
  value: 'ID',
  about: 'the village; or WRIT_VILLAGE',
};
export const WAIT: OptionSpec = {
  name: 'wait',
  value: 'SECONDS',
  about: 'for the witnesses, 1 to 60 (20)',
};
export const MAX_AGE: OptionSpec = {
  name: 'max-age',
  value: 'SECONDS',
  about: 'how old the newest checkpoint may be',
};
export const OUT: OptionSpec = { name: 'out', value: 'FILE', about: 'the file to write' };
export const NAME: OptionSpec = {
  name: 'name',
  value: 'NAME',
  about: 'name or UUID of the policy; else the name of the file',
};
export const REASON: OptionSpec = {
  name: 'reason',
  value: 'TEXT',
  about: 'why; everybody can read it',
};
export const NOT_BEFORE: readonly OptionSpec[] = [
  {
    name: 'not-before',
    value: 'SECONDS',
    about: 'not in force before this time of the log, since 1970',
  },
  { name: 'not-before-entry', value: 'INDEX', about: 'not in force before this entry of the log' },
];
export const READ: readonly OptionSpec[] = [VILLAGE, LOG, POLICY, DIR, MAX_AGE, KEY];
export const WRITE: readonly OptionSpec[] = [...READ, WAIT];
export const RECONCILE: readonly OptionSpec[] = [
  ...WRITE,
  { name: 'mode', value: 'MODE', about: 'enforce: undo local edits (default); observe: only tell' },
  { name: 'report', value: 'FILE', about: 'write the signed report' },
  { name: 'submit', about: 'put the digest of the report on the stream of --node, signed' },
  { name: 'node', value: 'NODE', about: 'what this node is called in the log; or WRIT_NODE' },
  {
    name: 'webhook',
    value: 'URL',
    about: 'post the report as JSON to https, or to http on this machine; or WRIT_WEBHOOK',
  },
  { name: 'evidence', value: 'DIR', about: 'write the report and what the log answered' },
];
