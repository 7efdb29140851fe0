import { test } from 'tap';
import { formatIo, ioText } from '../../../../lib/distribution/kernel/io-format.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { binary, float, ImproperList, type Term } from '../../../../lib/distribution/terms/term.ts';

test('character data is deep lists of code points and binaries', async (t) => {
  t.equal(ioText([104, [binary('é')], []]), 'hé');
  t.equal(ioText(new ImproperList([104], binary('i'))), 'hi');
  t.equal(ioText(binary('')), '');
  for (const bad of [atom('x'), [1.5], [-1], [0x110000], [[atom('x')]]]) {
    t.equal(ioText(bad), undefined);
  }
  let deep: Term = [];
  for (let i = 0; i < 1000; i += 1) deep = [deep];
  t.equal(ioText(deep), undefined, 'too deep to be text');
});

test('fills format strings', async (t) => {
  const fill = (format: string, ...args: Term[]): string => formatIo(binary(format), args, 100);
  t.equal(fill('~p ~w ~s ~ts~n', atom('a'), [1], binary('s'), [252]), 'a [1] s ü\n');
  t.equal(fill('~~ ~c ~5.2f ~i~b', 65, float(2), 1, 7), '~ A 2 7');
  t.equal(fill('~s', atom('x')), 'x');
  t.equal(fill('~p ~p', 1), '1 ', 'missing arguments are left out');
  t.equal(fill('~tp ~0p ~10.3.0w', 1, 2, 3), '1 2 3');
  t.equal(formatIo(atom('x'), [], 100), 'x');
  t.equal(fill('a'.repeat(200)).length, 100);
});
