import t, { type Test } from 'tap';
import { Evaluator } from '../../../lib/console/evaluator.ts';
import { collectGarbage } from '../../support/garbage.ts';

function evaluator(t: Test, scope: Record<string, unknown> = {}): Evaluator {
  const made = new Evaluator(scope);
  t.teardown(() => made.close());
  return made;
}

t.test('hands over the values themselves', async (t) => {
  const object = { a: 1 };
  const { run } = bound(evaluator(t, { object }));
  t.equal(await run('object'), object);
  t.strictSame(await run('[1, -0, 2n, NaN, "x", true, null]'), [1, -0, 2n, NaN, 'x', true, null]);
  for (const value of [1, -0, 2n, Number.NaN, 'x', '', true, null, undefined]) {
    object.a = value as number;
    t.ok(Object.is(await run('object.a'), value), String(value));
  }
  const symbol = (await run('Symbol.iterator')) as symbol;
  t.equal(symbol, Symbol.iterator);
});

t.test('keeps variables, and lets a name be declared anew', async (t) => {
  const { run } = bound(evaluator(t));
  await run('const { a, b: [c] } = { a: 1, b: [await Promise.resolve(2)] }; let d = 3');
  t.strictSame(await run('[a, c, d]'), [1, 2, 3]);
  await run('const a = 4');
  t.equal(await run('a'), 4);
});

t.test('tells what was thrown from what is no program', async (t) => {
  const made = evaluator(t, { fail: new TypeError('mine') });
  t.match(await made.run('throw fail'), { type: 'thrown', error: { message: 'mine' } });
  t.match(await made.run('await Promise.reject(3)'), { type: 'thrown', error: 3 });
  t.match(await made.run('throw undefined'), { type: 'thrown', error: undefined });
  t.match(await made.run('JSON.parse("{")'), { type: 'thrown', error: { name: 'SyntaxError' } });
  t.match(await made.run('new Function("{")'), { type: 'thrown', error: { name: 'SyntaxError' } });
  t.match(await made.run('1 2'), { type: 'uncompilable', error: { name: 'SyntaxError' } });
});

t.test('several have scopes of their own', async (t) => {
  const [a, b] = [evaluator(t, { name: 'a' }), evaluator(t, { name: 'b' })];
  await a.run('globalThis.only = 1');
  t.match(await a.run('name'), { value: 'a' });
  t.match(await b.run('name'), { value: 'b' });
  t.match(await b.run('typeof only'), { value: 'undefined' });
  t.match(await a.run('typeof handOver'), { value: 'undefined' });
});

t.test('outlives the collection of garbage', async (t) => {
  const console = evaluator(t, { one: 1 });
  await console.run('let two = 2');
  collectGarbage();
  await new Promise(setImmediate);
  collectGarbage();
  t.match(await console.run('one + two'), { type: 'value', value: 3 });
});

t.test('what ends it may be code that runs in it', async (t) => {
  const made: Evaluator = new Evaluator({ close: () => made.close() });
  await t.rejects(made.run('close()'));
});

function bound(made: Evaluator): { run: (source: string) => Promise<unknown> } {
  return {
    run: async (source) => {
      const evaluation = await made.run(source);
      if (evaluation.type !== 'value') throw evaluation.error;
      return evaluation.value;
    },
  };
}
