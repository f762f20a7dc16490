import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { measure } from '../check-trusted-base.mjs';
import { withRepository } from './scratch-repository.mjs';

const base = suite('check-trusted-base');

base('counts every line of a part and leaves out what is excluded', () => {
  const files = {
    'core/src/a.ts': '// why\n\nexport const a = 1;\n',
    'core/src/b/c.ts': 'x;\ny;\n',
    'core/src/statements/d.ts': 'z;\n',
  };
  const budgets = [
    { part: 'core', folder: 'core/src', budget: 4, without: ['core/src/statements/'] },
  ];
  assert.equal(
    withRepository(files, (root) => measure(root, budgets)),
    [{ part: 'core', files: 2, lines: 5, code: 3, budget: 4 }],
  );
});

base.run();
