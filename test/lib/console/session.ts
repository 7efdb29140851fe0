import t from 'tap';
import { Session } from '../../../lib/console/session.ts';

const session = new Session({ soon: (value: unknown) => Promise.resolve(value) });
t.teardown(() => session.close());

t.test('awaits what a statement results in', async (t) => {
  t.strictSame(await session.evaluate('soon(1)'), { type: 'value', value: 1 });
  t.strictSame(await session.evaluate('await soon(2) + 1'), { type: 'value', value: 3 });
  t.match(await session.evaluate('Promise.reject(new TypeError("x"))'), {
    type: 'error',
    error: { message: 'x' },
  });
});

t.test('shows nothing for declarations, blank lines and comments', async (t) => {
  for (const source of [
    'let a = 1',
    'const b = 1;',
    'function f() {}',
    'class C {}',
    ' ',
    '// x',
  ]) {
    t.strictSame(await session.evaluate(source), { type: 'nothing' }, source);
  }
  t.strictSame(await session.evaluate('let e = 1; e'), { type: 'value', value: 1 });
  t.strictSame(await session.evaluate('void 0'), { type: 'value', value: undefined });
});

t.test('asks for more where only the end is missing', async (t) => {
  const sources = [
    ...['foo(1', 'foo(bar(1', 'foo(1,', 'function f() {', '`text', 'x +', 'await', '[1,2', '{a: 1'],
    ...['/* x', '1 /* x', 'foo(1 /* x', 'foo(1 // x', 'if (true)', 'const x =', 'x.', '({a: `b'],
    ...['class A {', 'async () => {\n  await 1', 'for (const a of [1]) {', '{a: foo(1'],
  ];
  for (const source of sources) {
    t.strictSame(await session.evaluate(source), { type: 'incomplete' }, source);
  }
});

t.test('tells what no further line can mend', async (t) => {
  for (const source of ['foo(1 2)', '}', '({a: })', '"abc', '1 2', '1 = 2', 'foo(1 2', 'await }']) {
    t.match(await session.evaluate(source), { type: 'error', error: { name: 'SyntaxError' } });
  }
});

t.test('takes for an object what can be one', async (t) => {
  t.match(await session.evaluate('{ a: 1, b: 2 }'), { type: 'value', value: { a: 1, b: 2 } });
  t.match(await session.evaluate('{ a: 1 };'), { type: 'value', value: 1 });
  t.match(await session.evaluate('{ let z = 4; z }'), { type: 'value', value: 4 });
});
