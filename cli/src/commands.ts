// Every command of writ, once: the help, the parser and the tests read this table.

import type { CommandSpec, OptionSpec } from './args.ts';
import type { Answer, Context } from './context.ts';

export interface Command extends CommandSpec {
  /** Loads the code of the command, so that help costs nothing. */
  readonly load: () => Promise<(context: Context) => Promise<Answer>>;
}

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', about: 'one JSON object on standard output' },
  { name: 'help', about: 'how to use it' },
  { name: 'version', about: 'the version' },
];

const LOG: OptionSpec = {
  name: 'log',
  value: 'URL',
  about: 'the log; else that of --policy, or WRIT_LOG',
};
const POLICY: OptionSpec = {
  name: 'policy',
  value: 'FILE',
  about: 'trust policy: whom to believe; or WRIT_POLICY',
};
const KEY: OptionSpec = {
  name: 'key',
  value: 'FILE',
  about: 'private key to sign with; or WRIT_KEY',
};
const DIR: OptionSpec = { name: 'dir', value: 'DIR', about: 'local state; or WRIT_DIR' };
const VILLAGE: OptionSpec = { name: 'village', value: 'ID', about: 'the village; or WRIT_VILLAGE' };
const WAIT: OptionSpec = {
  name: 'wait',
  value: 'SECONDS',
  about: 'for the witnesses, 1 to 60 (20)',
};
const MAX_AGE: OptionSpec = {
  name: 'max-age',
  value: 'SECONDS',
  about: 'how old the newest checkpoint may be',
};
const OUT: OptionSpec = { name: 'out', value: 'FILE', about: 'the file to write' };
const NAME: OptionSpec = {
  name: 'name',
  value: 'NAME',
  about: 'name or UUID of the policy; else the name of the file',
};
const REASON: OptionSpec = { name: 'reason', value: 'TEXT', about: 'why; everybody can read it' };
const NOT_BEFORE: readonly OptionSpec[] = [
  {
    name: 'not-before',
    value: 'SECONDS',
    about: 'not in force before this time of the log, since 1970',
  },
  { name: 'not-before-entry', value: 'INDEX', about: 'not in force before this entry of the log' },
];
const READ: readonly OptionSpec[] = [VILLAGE, LOG, POLICY, DIR, MAX_AGE];
const WRITE: readonly OptionSpec[] = [...READ, KEY, WAIT];
const RECONCILE: readonly OptionSpec[] = [
  ...READ,
  KEY,
  { name: 'mode', value: 'MODE', about: 'enforce: undo local edits (default); observe: only tell' },
  { name: 'report', value: 'FILE', about: 'write the signed report' },
  { name: 'evidence', value: 'DIR', about: 'write the report and what the log answered' },
];

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  {
    words: 'key new',
    operands: ['NAME'],
    about: 'make a private key and print its public half',
    options: [OUT],
    examples: ['writ key new ada --out ada.key'],
    load: async () => (await import('./commands/key.ts')).newKey,
  },
  {
    words: 'key show',
    operands: ['FILE'],
    about: 'print the public half of a key',
    options: [],
    examples: ['writ key show ada.key'],
    load: async () => (await import('./commands/key.ts')).showKey,
  },
  {
    words: 'key rotate',
    operands: [],
    about: 'give the member that holds --key another key; can be run again',
    options: [
      ...WRITE,
      OUT,
      { name: 'revoke', about: 'end the old key, signed with the new one' },
      REASON,
    ],
    examples: ['writ key rotate --village north-quay --key ada.key --out ada-2.key --revoke'],
    load: async () => (await import('./commands/key.ts')).rotateKey,
  },
  {
    words: 'village create',
    operands: ['ID', 'CONSTITUTION?'],
    about: 'found a village, with a constitution in JSON or with the founder alone',
    options: [
      LOG,
      POLICY,
      KEY,
      WAIT,
      { name: 'name', value: 'TEXT', about: 'what people call it' },
      {
        name: 'member',
        value: 'NAME',
        about: 'what the founder is called; else the name of the key',
      },
    ],
    examples: ['writ village create north-quay --key ada.key --policy trust.policy'],
    load: async () => (await import('./commands/village.ts')).createVillage,
  },
  {
    words: 'village show',
    operands: [],
    about: 'constitution, policies in force and open proposals',
    options: READ,
    examples: ['writ village show --village north-quay --policy trust.policy'],
    load: async () => (await import('./commands/village.ts')).showVillage,
  },
  {
    words: 'village members',
    operands: [],
    about: 'members, their roles and keys, and the keys that were revoked',
    options: READ,
    examples: ['writ village members --village north-quay --policy trust.policy'],
    load: async () => (await import('./commands/village.ts')).listMembers,
  },
  {
    words: 'policy sign',
    operands: ['FILE'],
    about: 'sign the next version of a policy into a file, without submitting it',
    options: [...WRITE, NAME, OUT, ...NOT_BEFORE],
    examples: ['writ policy sign lab.json --village north-quay --key ada.key --out lab.statement'],
    load: async () => (await import('./commands/policy-write.ts')).signPolicy,
  },
  {
    words: 'policy propose',
    operands: ['FILE'],
    about: 'sign and submit the next version; in force at once where one member may decide',
    options: [
      ...WRITE,
      NAME,
      ...NOT_BEFORE,
      { name: 'inbox', about: 'as an outsider: lay it before the village' },
    ],
    examples: ['writ policy propose lab.json --village north-quay --key ada.key'],
    load: async () => (await import('./commands/policy-write.ts')).proposePolicy,
  },
  {
    words: 'policy approve',
    operands: ['PROPOSAL'],
    about: 'approve an open proposal, by the id of its statement',
    options: WRITE,
    examples: ['writ policy approve 5f0c…e1 --village north-quay --key ben.key'],
    load: async () => (await import('./commands/policy-write.ts')).approvePolicy,
  },
  {
    words: 'policy activate',
    operands: ['PROPOSAL'],
    about: 'put an approved proposal in force whose time has come',
    options: WRITE,
    examples: ['writ policy activate 5f0c…e1 --village north-quay --key ada.key'],
    load: async () => (await import('./commands/policy-write.ts')).activatePolicy,
  },
  {
    words: 'policy rollback',
    operands: ['NAME'],
    about: 'propose an earlier version again, as a new one',
    options: [
      ...WRITE,
      { name: 'to', value: 'VERSION', about: 'the version whose content returns' },
      REASON,
      ...NOT_BEFORE,
    ],
    examples: [
      'writ policy rollback lab --to 3 --reason "load test" --village north-quay --key ada.key',
    ],
    load: async () => (await import('./commands/policy-write.ts')).rollBackPolicy,
  },
  {
    words: 'policy diff',
    operands: ['BEFORE', 'AFTER'],
    about: 'what differs between two files, or with --village between a policy in force and a file',
    options: READ,
    examples: [
      'writ policy diff old.json new.json',
      'writ policy diff lab lab.json --village north-quay',
    ],
    load: async () => (await import('./commands/policy-read.ts')).diffPolicies,
  },
  {
    words: 'policy history',
    operands: ['NAME?'],
    about: 'every statement of the village, or about one policy, and what it did',
    options: READ,
    examples: ['writ policy history lab --village north-quay --policy trust.policy'],
    load: async () => (await import('./commands/policy-read.ts')).showHistory,
  },
  {
    words: 'policy pull',
    operands: [],
    about: 'compare this machine with the log; follows only with --apply',
    options: [...RECONCILE, { name: 'apply', about: 'verify, store and put in force' }],
    examples: [
      'writ policy pull --village north-quay --key node.key --policy trust.policy --apply',
    ],
    load: async () => (await import('./commands/pull.ts')).pullPolicies,
  },
  {
    words: 'policy drift',
    operands: [],
    about: 'for cron: exit 0 aligned, 1 drift, 2 fault',
    options: RECONCILE,
    examples: ['writ policy drift --village north-quay --key node.key --policy trust.policy'],
    load: async () => (await import('./commands/pull.ts')).checkDrift,
  },
  {
    words: 'quarantine list',
    operands: [],
    about: 'what outsiders propose',
    options: READ,
    examples: ['writ quarantine list --village north-quay --policy trust.policy'],
    load: async () => (await import('./commands/quarantine.ts')).listQuarantine,
  },
  {
    words: 'quarantine approve',
    operands: ['PROPOSAL'],
    about: 'vote to take up what an outsider proposes',
    options: WRITE,
    examples: ['writ quarantine approve 5f0c…e1 --village north-quay --key ada.key'],
    load: async () => (await import('./commands/quarantine.ts')).approveQuarantine,
  },
  {
    words: 'quarantine reject',
    operands: ['PROPOSAL'],
    about: 'turn down what an outsider proposes',
    options: WRITE,
    examples: ['writ quarantine reject 5f0c…e1 --village north-quay --key ada.key'],
    load: async () => (await import('./commands/quarantine.ts')).rejectQuarantine,
  },
  {
    words: 'export',
    operands: [],
    about: 'every statement of the village and its inbox as JSON lines, verified',
    options: [...READ, OUT],
    examples: ['writ export --village north-quay --policy trust.policy --out north-quay.jsonl'],
    load: async () => (await import('./commands/transfer.ts')).exportStatements,
  },
  {
    words: 'import',
    operands: ['FILE'],
    about: 'submit the statements of an export; those that are there stay as they are',
    options: [LOG, POLICY],
    examples: ['writ import north-quay.jsonl --log https://log.example.com/'],
    load: async () => (await import('./commands/transfer.ts')).importStatements,
  },
];
