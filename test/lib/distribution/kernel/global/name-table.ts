import { test } from 'tap';
import { NameTable } from '../../../../../lib/distribution/kernel/global/name-table.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { type Term, tuple } from '../../../../../lib/distribution/terms/term.ts';
import { FakeMonitors } from '../../../../support/fake-monitors.ts';

const method = atom('method');
const p1 = new Pid('a@h', 1, 0, 1);
const p2 = new Pid('b@h', 2, 0, 1);

function table(): { names: NameTable; monitors: FakeMonitors } {
  const monitors = new FakeMonitors();
  return { names: new NameTable(monitors), monitors };
}

test('any term can be a name, compared by value', async (t) => {
  const { names } = table();
  names.insert({ name: tuple(atom('x'), 1), pid: p1, method });
  t.equal(names.get(tuple(atom('x'), 1))?.pid, p1);
  t.equal(names.get(tuple(atom('x'), 2)), undefined);
  t.same(names.list(), [{ name: tuple(atom('x'), 1), pid: p1, method }]);
});

test('a name does not hold on to the message that it came in', async (t) => {
  const { names } = table();
  const chunk = new Uint8Array(1000);
  names.insert({ name: chunk.subarray(10, 20), pid: p1, method: [chunk.subarray(0, 8)] });
  const { name, method: kept } = names.list()[0]!;
  t.same([name, kept], [new Uint8Array(10), [new Uint8Array(8)]]);
  for (const bytes of [name, ...(kept as Term[])]) {
    t.ok(bytes instanceof Uint8Array && bytes.buffer !== chunk.buffer);
  }
});

test('watches each registered process, and no replaced one', async (t) => {
  const { names, monitors } = table();
  names.insert({ name: atom('x'), pid: p1, method });
  const replaced = names.insert({ name: atom('x'), pid: p2, method });
  t.equal(replaced?.pid, p1);
  t.equal(monitors.active.size, 1);
  t.notOk(names.isNamed(p1));
  t.ok(names.isNamed(p2));
});

test('a process that ends takes all its names along', async (t) => {
  const { names, monitors } = table();
  names.insert({ name: atom('x'), pid: p1, method });
  names.insert({ name: atom('y'), pid: p1, method });
  for (const ref of monitors.refsOf(p1)) t.ok(names.down(ref));
  t.equal(names.size, 0);
  t.notOk(names.isNamed(p1));
  t.equal(names.down(monitors.monitor(p1)), undefined, 'not a reference of ours');
});

test('a node that is lost takes the names of its processes along', async (t) => {
  const { names, monitors } = table();
  names.insert({ name: atom('x'), pid: p1, method });
  names.insert({ name: atom('y'), pid: p2, method });
  t.same(
    names.dropNode('a@h').map(({ name }) => name),
    [atom('x')],
  );
  t.equal(names.size, 1);
  names.clear();
  t.equal(monitors.active.size, 0);
});

test('tells the names of C nodes apart', async (t) => {
  const { names } = table();
  names.insert({ name: atom('x'), pid: p1, method }, 'b@h');
  names.insert({ name: atom('y'), pid: p2, method });
  t.same(names.listExternal(), [{ name: atom('x'), pid: p1, registrationNode: 'b@h' }]);
});

test('a name that is asked for again and again is found as it stands', async (t) => {
  const { names, monitors } = table();
  const x = atom('x');
  t.equal(names.get(x), undefined);
  names.insert({ name: atom('x'), pid: p1, method });
  t.equal(names.get(x)?.pid, p1);
  t.equal(names.get(x)?.pid, p1);
  names.insert({ name: atom('x'), pid: p2, method });
  t.equal(names.get(x)?.pid, p2);
  t.equal(names.get(atom('y')), undefined);
  t.equal(names.get(x)?.pid, p2);
  for (const ref of monitors.refsOf(p2)) names.down(ref);
  t.equal(names.get(x), undefined);
});
