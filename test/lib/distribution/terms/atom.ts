import t from 'tap';
import {
  Atom,
  atom,
  isAtom,
  MAX_ATOM_CHARACTERS,
} from '../../../../lib/distribution/terms/atom.ts';

t.test('characters are counted as code points', async (t) => {
  t.equal(atom('😀'.repeat(MAX_ATOM_CHARACTERS)).name.length, 2 * MAX_ATOM_CHARACTERS);
  t.equal(atom('').name, '');
  t.throws(() => atom('x'.repeat(MAX_ATOM_CHARACTERS + 1)), {
    constructor: RangeError,
    message: /at most 255 characters, got 256/,
  });
});

t.test('is recognised by its class, and by its name if one is given', async (t) => {
  t.ok(isAtom(atom('ok')));
  t.ok(isAtom(atom('ok'), 'ok'));
  t.notOk(isAtom(atom('ok'), 'error'));
  for (const other of ['ok', { name: 'ok' }, undefined, null, true]) t.notOk(isAtom(other, 'ok'));
});

t.test('prints its bare name', async (t) => {
  t.equal(`${new Atom('Elixir.Counter')}`, 'Elixir.Counter');
  t.equal(`${atom('a b')}`, 'a b');
});
