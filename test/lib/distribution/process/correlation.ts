import { test } from 'tap';
import { correlationOf } from '../../../../lib/distribution/process/correlation.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, tuple } from '../../../../lib/distribution/terms/term.ts';

const ref = new Reference('a@x', 1, [1, 0, 0]);
const alias = new Reference('a@x', 1, [2, 0, 0]);
const tag = new ImproperList([atom('alias')], ref);

test('finds the reference in replies of every form and in down messages', (t) => {
  t.equal(correlationOf(tuple(ref, 1)), ref);
  t.equal(correlationOf(tuple(tag, 1)), ref);
  const multiCall = new ImproperList([new ImproperList([atom('alias')], alias)], ref);
  t.equal(correlationOf(tuple(multiCall, 1)), ref);
  t.equal(correlationOf(tuple(atom('DOWN'), ref, atom('process'), 1, 2)), ref);
  t.end();
});

test('finds none elsewhere', (t) => {
  for (const message of [1, [ref], tuple(), tuple(1, ref), tuple(atom('DOWN'), ref)]) {
    t.equal(correlationOf(message), undefined);
  }
  t.equal(correlationOf(tuple(new ImproperList([1], atom('tail')), 1)), undefined);
  t.end();
});
