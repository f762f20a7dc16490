// Splits TypeScript into tokens: enough grammar for the checks beside this file to tell code from
// comments, strings and regular expressions, and no more.

const SPACE = /\s+/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const NUMBER = /\d[\w.]*|\.\d[\w.]*/y;
const WORD = /[#@]?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const PUNCTUATION =
  /=>|\.\.\.|\?\.|>>>=|>>>|>>=|<<=|>>|<<|[&|^+\-*/%]=|&&=?|\|\|=?|\?\?=?|\*\*=?|[=!]==?|[<>]=|\+\+|--|[\s\S]/uy;

/** Kinds of token that one pattern recognises, in the order to try them. */
const PLAIN = [
  { kind: 'string', pattern: STRING },
  { kind: 'regex', pattern: REGEX, fits: regexMayStart },
  { kind: 'number', pattern: NUMBER },
  { kind: 'word', pattern: WORD },
];

/** A slash after one of these words starts a regular expression, after any other word it divides. */
const BEFORE_REGEX = new Set(
  'return typeof case in of instanceof new delete void throw do else yield await'.split(' '),
);

/**
 * The tokens of `source` in order. A token is `{ kind, text, line, spaced }`: `kind` is one of word,
 * number, string, template, regex, punctuation; `text` of a string is its content as written; `spaced`
 * says that white space or a comment stands before it.
 */
export function tokensOf(source) {
  const tokens = [];
  const openBraces = []; // one flag per open brace: does it close a template's `${`?
  let at = 0;
  let line = 1;
  let spaced = false;

  const take = (pattern) => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text === undefined || text === '') return '';
    at += text.length;
    return text;
  };
  const sees = (pattern) => {
    pattern.lastIndex = at;
    return pattern.test(source);
  };
  const push = (kind, text) => {
    tokens.push({ kind, text: kind === 'string' ? text.slice(1, -1) : text, line, spaced });
    line += lineBreaks(text);
    spaced = false;
  };
  const templatePart = () => {
    const text = take(TEMPLATE_PART);
    push('template', text);
    if (source[at] === '`') at += 1;
    else if (source.startsWith('${', at)) {
      at += 2;
      openBraces.push(true);
    }
  };

  const punctuation = () => {
    const text = take(PUNCTUATION);
    if (text === '{') openBraces.push(false);
    if (text === '}' && openBraces.pop() === true) templatePart();
    else push('punctuation', text);
  };

  while (at < source.length) {
    const skipped = take(SPACE) || take(COMMENT);
    if (skipped !== '') {
      line += lineBreaks(skipped);
      spaced = true;
    } else if (source[at] === '`') {
      at += 1;
      templatePart();
    } else {
      const plain = PLAIN.find(
        ({ pattern, fits }) => (fits?.(tokens.at(-1)) ?? true) && sees(pattern),
      );
      if (plain !== undefined) push(plain.kind, take(plain.pattern));
      else punctuation();
    }
  }
  return tokens;
}

/** The module specifiers that `tokens` import, re-export or load on demand, as `{ specifier, line }`. */
export function importsOf(tokens) {
  const found = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'string') continue;
    const before = tokens[i - 1];
    const calls = before?.text === '(' && /^(?:import|require)$/.test(tokens[i - 2]?.text ?? '');
    const bare = before?.kind === 'word' && before.text === 'import';
    const from = before?.kind === 'word' && before.text === 'from' && tokens[i - 2]?.text !== '.';
    if (calls || bare || from) found.push({ specifier: token.text, line: token.line });
  }
  return found;
}

function regexMayStart(previous) {
  if (previous === undefined) return true;
  if (previous.kind === 'word') return BEFORE_REGEX.has(previous.text);
  return previous.kind === 'punctuation' && !/^(?:\)|\]|\}|\+\+|--)$/.test(previous.text);
}

function lineBreaks(text) {
  return text.split('\n').length - 1;
}
