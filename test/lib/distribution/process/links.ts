import { test } from 'tap';
import { Links } from '../../../../lib/distribution/process/links.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

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

test('kill as the reason of a linked process is a reason like any other', (t) => {
  const { processes } = processTable();
  const trapping = collector(processes, { trapExit: true });
  const ending = processes.spawnServer(idle);
  const plain = processes.spawnServer(idle);
  ending.link(trapping.process.pid);
  plain.link(ending.pid);
  ending.stop(atom('kill'));
  t.same(trapping.messages, [tuple(atom('EXIT'), ending.pid, atom('kill'))]);
  t.match(plain.exitReason, { name: 'kill' });
  t.end();
});

test('the normal end of a linked process ends nobody', (t) => {
  const { processes } = processTable();
  const ending = processes.spawnServer(idle);
  const plain = collector(processes, { link: ending.pid });
  const trapping = collector(processes, { link: ending.pid, trapExit: true });
  ending.stop();
  t.equal(plain.process.isAlive, true);
  t.same(trapping.messages, [tuple(atom('EXIT'), ending.pid, atom('normal'))]);
  t.end();
});

test('linking to a dead process means exit with noproc', (t) => {
  const { processes } = processTable();
  const dead = processes.spawnServer(idle);
  dead.stop();
  const plain = processes.spawnServer(idle);
  plain.link(dead.pid);
  t.match(plain.exitReason, { name: 'noproc' });
  const trapping = collector(processes, { trapExit: true });
  trapping.process.link(dead.pid);
  trapping.process.link(new Pid('a@x', 1, 0, 99));
  t.match(trapping.messages.length, 2);
  t.same(trapping.messages[0], tuple(atom('EXIT'), dead.pid, atom('noproc')));
  t.end();
});

test('after unlink, and with oneself, a link has no effect', (t) => {
  const { processes } = processTable();
  const one = processes.spawnServer(idle);
  const two = processes.spawnServer(idle);
  one.link(one.pid);
  one.link(two.pid);
  t.same(processes.linksOf(two.pid), [one.pid]);
  two.unlink(one.pid);
  one.stop(atom('oops'));
  t.equal(two.isAlive, true);
  t.equal(processes.sizes.links, 0);
  t.end();
});

test('a chain of 20,000 linked processes ends without recursion', (t) => {
  const { processes } = processTable();
  let last = processes.spawnServer(idle);
  const first = last;
  for (let i = 0; i < 20_000; i += 1) last = processes.spawnServer({ ...idle, link: last.pid });
  first.stop(atom('chain'));
  t.match(last.exitReason, { name: 'chain' });
  t.equal(processes.size, 0);
  t.equal(processes.sizes.links, 0);
  t.end();
});
