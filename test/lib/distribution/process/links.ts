import { test } from 'tap';
import { Links } from '../../../../lib/distribution/process/links.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';

const local = new Pid('a@x', 1, 0, 1);
const second = new Pid('a@x', 2, 0, 1);
const remote = new Pid('b@x', 9, 0, 3);

test('linking is told once; linking again after an unlink is told again and clears the id', (t) => {
  const links = new Links('a@x');
  t.equal(links.activate(local, remote), true);
  t.equal(links.activate(local, remote), false);
  const id = links.deactivate(local, remote);
  t.equal(id, 1);
  t.equal(links.activate(local, remote), true);
  // The acknowledgement of the unlink that is no longer wanted must not remove the new link.
  links.acknowledge(local, remote, 1);
  t.same(links.of(local), [remote]);
  t.end();
});

test('every unlink has a fresh id, and only an active link can be unlinked', (t) => {
  const links = new Links('a@x');
  t.equal(links.deactivate(local, remote), undefined);
  links.activate(local, remote);
  t.equal(links.deactivate(local, remote), 1);
  t.equal(links.deactivate(local, remote), undefined);
  links.activate(local, remote);
  t.equal(links.deactivate(local, remote), 2);
  t.end();
});

test('an acknowledgement removes the entry only if it is inactive and the id is the outstanding one', (t) => {
  const links = new Links('a@x');
  links.activate(local, remote);
  links.acknowledge(local, remote, 1);
  t.equal(links.size, 1);
  const id = links.deactivate(local, remote)!;
  links.acknowledge(local, remote, id + 1);
  t.equal(links.size, 1);
  links.acknowledge(local, remote, BigInt(id));
  t.equal(links.size, 0);
  links.acknowledge(local, remote, id);
  t.equal(links.size, 0);
  t.end();
});

test('a link from the other side is ignored while our unlink waits for its acknowledgement', (t) => {
  const links = new Links('a@x');
  links.accept(local, remote);
  links.accept(local, remote);
  t.same(links.of(local), [remote]);
  links.deactivate(local, remote);
  links.accept(local, remote);
  t.same(links.of(local), []);
  t.equal(links.size, 1);
  t.end();
});

test('an exit or unlink from the other side counts only while the link is active', (t) => {
  const links = new Links('a@x');
  t.equal(links.breakLink(local, remote), false);
  links.activate(local, remote);
  t.equal(links.breakLink(local, remote), true);
  t.equal(links.size, 0);
  links.activate(local, remote);
  links.deactivate(local, remote);
  t.equal(links.breakLink(local, remote), false);
  t.equal(links.size, 1);
  t.end();
});

test('the end of a process yields its active links and drops the inactive', (t) => {
  const links = new Links('a@x');
  const other = new Pid('b@x', 10, 0, 3);
  links.activate(local, remote);
  links.activate(local, other);
  links.activate(local, second);
  links.deactivate(local, other);
  t.same(links.takeAll(local), [remote, second]);
  t.same(links.takeAll(local), []);
  t.equal(links.size, 0);
  t.same(links.takeNode('b@x'), []);
  t.end();
});

test('a lost connection yields the active links to that node, and no others', (t) => {
  const links = new Links('a@x');
  const elsewhere = new Pid('c@x', 1, 0, 1);
  links.activate(local, remote);
  links.activate(second, remote);
  links.activate(local, elsewhere);
  links.deactivate(second, remote);
  t.match(links.takeNode('b@x'), [{ local, other: remote }]);
  t.same(links.of(local), [elsewhere]);
  t.equal(links.size, 1);
  t.end();
});
