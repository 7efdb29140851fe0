import t from 'tap';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { ImproperList, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { describeValue, locate } from '../../../../lib/distribution/terms/unencodable.ts';

t.test('usual mistakes are told what to write instead', async (t) => {
  t.equal(describeValue('abc'), 'the string "abc" (write binary() or atom())');
  t.equal(describeValue(true), "true (write atom('true'))");
  t.equal(describeValue(null), 'null (write an atom)');
  t.equal(describeValue(undefined), 'undefined');
  t.equal(describeValue(Number.NaN), 'NaN');
  t.equal(describeValue(new Map()), 'an object of class Map');
  t.equal(describeValue(Object.create(null)), 'an object of class unknown');
  t.equal(
    describeValue(() => 1),
    'a function',
  );
});

t.test('a long string is not repeated whole', async (t) => {
  t.ok(describeValue('x'.repeat(100_000)).length < 100);
});

t.test('tells the way to a value from the inside out', async (t) => {
  const wrong = { is: 'no term' } as unknown as Term;
  t.equal(locate(wrong, wrong), '', 'the whole needs no place');
  t.equal(locate([1, wrong], wrong), ' at element 2 of a list');
  t.equal(locate(tuple(1, [wrong]), wrong), ' at element 1 of a list in element 2 of a tuple');
  t.equal(locate(new ImproperList([1], wrong), wrong), ' at the tail of a list');
  t.equal(locate(new ErlangMap([[1, wrong]]), wrong), ' at value 1 of a map');
});

t.test('a term that holds itself has no end, but the search has', async (t) => {
  const endless: Term[] = [];
  endless.push(endless);
  t.equal(locate(endless, 'absent'), '');
});
