import { runInNewContext } from 'node:vm';
import t from 'tap';
import { toAtom, toMap, toTerm } from '../../../lib/console/to-term.ts';
import { atom, inspectTerm, tuple } from '../../../lib/distribution/index.ts';

t.test('takes terms as they are, and makes terms of booleans and arrays', async (t) => {
  const value = [1, 2n, 1.5, true, [false], atom('a'), tuple(1), new Uint8Array([65])];
  t.equal(inspectTerm(toTerm(value)), '[1,2,1.5,true,[false],a,{1},<<"A">>]');
});

t.test('takes arrays and bytes of another realm', async (t) => {
  t.equal(inspectTerm(toTerm(runInNewContext('[new Uint8Array([1]), [true]]'))), '[<<1>>,[true]]');
});

t.test('says what to write instead of what is no term', async (t) => {
  const cases: [unknown, RegExp][] = [
    ['get', /the string "get": write atom\("get"\) or binary\("get"\)/],
    [{ a: 1 }, /an object: write map\(/],
    [undefined, /undefined: write an atom/],
    [null, /null: write an atom/],
    [Number.NaN, /NaN, which Erlang has no number for/],
    [() => 1, /a function/],
    [Promise.resolve(), /a promise: write await/],
    [[1, 'x'], /the string "x"/],
  ];
  for (const [value, message] of cases) {
    t.throws(() => toTerm(value), { name: 'TypeError', message });
  }
});

t.test('takes a string where only an atom is possible', async (t) => {
  t.equal(toAtom('a b', 'a name').name, 'a b');
  t.equal(toAtom(atom('x'), 'a name').name, 'x');
  t.throws(() => toAtom(5, 'a name'), { message: 'expected a name as a string or an atom, got 5' });
  t.throws(() => toAtom('x'.repeat(256), 'a name'), RangeError);
});

t.test('makes maps of objects, of Maps and of pairs', async (t) => {
  t.equal(inspectTerm(toMap({ a: 1, b: true })), '#{a => 1,b => true}');
  t.equal(inspectTerm(toMap(new Map([[1, [2]]]))), '#{1 => [2]}');
  t.equal(inspectTerm(toMap([[atom('k'), 2]])), '#{k => 2}');
  t.equal(inspectTerm(toMap(toMap({}))), '#{}');
  for (const wrong of [5, 'x', atom('x'), [1], [[1, 2, 3]], { a: 'x' }]) {
    t.throws(() => toMap(wrong), TypeError);
  }
});
