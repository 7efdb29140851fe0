import { test } from 'tap';
import { type Monitor, Monitors } from '../../../../lib/distribution/process/monitors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

const ours = new Pid('a@x', 1, 0, 1);
const ours2 = new Pid('a@x', 2, 0, 1);
const theirs = new Pid('b@x', 1, 0, 1);
const ref = (n: number, node = 'a@x'): Reference => new Reference(node, 1, [n, 0, 0]);

const outgoing: Monitor = {
  ref: ref(1),
  watcher: ours,
  target: theirs,
  node: 'b@x',
  watched: undefined,
};
const incoming: Monitor = {
  ref: ref(1, 'b@x'),
  watcher: theirs,
  target: atom('name'),
  node: 'a@x',
  watched: ours,
};
const internal: Monitor = {
  ref: ref(2),
  watcher: ours,
  target: ours2,
  node: 'a@x',
  watched: ours2,
};

function filled(): Monitors {
  const monitors = new Monitors('a@x');
  for (const monitor of [outgoing, incoming, internal]) monitors.add(monitor);
  return monitors;
}

test("finds and removes a monitor by the watcher's node and the reference", (t) => {
  const monitors = filled();
  t.equal(monitors.size, 3);
  t.equal(monitors.find('a@x', ref(1)), outgoing);
  t.equal(monitors.find('b@x', ref(1)), undefined);
  t.equal(monitors.remove('b@x', ref(1, 'b@x')), incoming);
  t.equal(monitors.remove('b@x', ref(1, 'b@x')), undefined);
  t.equal(monitors.size, 2);
  t.end();
});

test("a peer cannot reach another peer's monitor with that one's reference", (t) => {
  const monitors = filled();
  t.equal(monitors.remove('c@x', incoming.ref), undefined);
  t.equal(monitors.remove('c@x', outgoing.ref), undefined);
  t.equal(monitors.size, 3);
  t.end();
});

test('the end of a process takes what it watches and what watches it', (t) => {
  const monitors = filled();
  t.same(monitors.takeWatchedBy(ours), [outgoing, internal]);
  t.same(monitors.takeWatching(ours), [incoming]);
  t.equal(monitors.size, 0);
  t.same(monitors.takeNode('b@x'), []);
  t.end();
});

test('a lost connection takes both directions between the two nodes', (t) => {
  const monitors = filled();
  t.same(monitors.takeNode('b@x'), [outgoing, incoming]);
  t.equal(monitors.size, 1);
  t.same(monitors.takeWatchedBy(ours), [internal]);
  t.end();
});

test('the same reference again takes the place of the first', (t) => {
  const monitors = filled();
  monitors.add({ ...incoming, watched: ours2 });
  t.equal(monitors.size, 3);
  t.same(monitors.takeWatching(ours), []);
  t.equal(monitors.takeWatching(ours2).length, 2);
  t.end();
});
