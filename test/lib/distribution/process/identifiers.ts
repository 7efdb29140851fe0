import { test } from 'tap';
import {
  Identifiers,
  MAX_PID_ID,
  MAX_REFERENCE_WORD,
} from '../../../../lib/distribution/process/identifiers.ts';

test('pids have increasing ids, our node and our creation', (t) => {
  const identifiers = new Identifiers('a@x', 7);
  const pids = [identifiers.makePid(), identifiers.makePid()];
  t.match(pids, [
    { node: 'a@x', id: 1, serial: 0, creation: 7 },
    { node: 'a@x', id: 2, serial: 0, creation: 7 },
  ]);
  t.end();
});

test('when ids wrap, the serial goes up', (t) => {
  const identifiers = new Identifiers('a@x', 7, MAX_PID_ID - 1);
  t.match(identifiers.makePid(), { id: MAX_PID_ID - 1, serial: 0 });
  t.match(identifiers.makePid(), { id: 1, serial: 1 });
  t.match(identifiers.makePid(), { id: 2, serial: 1 });
  t.end();
});

test('references have three words, the first below 2^18, and stay unique when it wraps', (t) => {
  const identifiers = new Identifiers('a@x', 7);
  const seen = new Set<string>();
  const count = MAX_REFERENCE_WORD + 10;
  let inRange = true;
  for (let i = 0; i < count; i += 1) {
    const ref = identifiers.makeRef();
    inRange &&= ref.words.length === 3 && ref.words[0]! < MAX_REFERENCE_WORD;
    seen.add(ref.key);
  }
  t.ok(inRange);
  t.equal(seen.size, count);
  t.end();
});
