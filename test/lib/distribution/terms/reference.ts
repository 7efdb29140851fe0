import t from 'tap';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

t.test('is equal, with an equal key, exactly when all parts are', async (t) => {
  const references = [
    new Reference('a@h', 1, [1, 2, 3]),
    new Reference('b@h', 1, [1, 2, 3]),
    new Reference('a@h', 2, [1, 2, 3]),
    new Reference('a@h', 1, [3, 2, 1]),
    new Reference('a@h', 1, [1, 2]),
    new Reference('a@h', 1, [1, 2, 3, 0, 0]),
    new Reference('a@h', 1, [12, 3]),
  ];
  for (const [i, a] of references.entries()) {
    t.ok(a.equals(new Reference(a.node, a.creation, [...a.words])));
    for (const [j, b] of references.entries()) t.equal(a.equals(b), i === j);
  }
  t.equal(new Set(references.map(({ key }) => key)).size, references.length);
});

t.test('prints its words as the shell does, last first', async (t) => {
  t.equal(`${new Reference('a@h', 7, [1, 2, 3])}`, '#Ref<a@h.3.2.1>');
});
