import t from 'tap';
import { ChildList } from '../../../lib/supervisor/child-list.ts';
import { completeChildSpec } from '../../../lib/supervisor/child-spec.ts';
import { Reports } from '../../../lib/supervisor/reports.ts';
import { FakeChild, FakeChildren } from '../../support/fake-child.ts';

const children = new FakeChildren();
const spec = (id: string, changes = {}) => completeChildSpec(children.spec(id, changes));
const newList = () => new ChildList(new Reports('top', undefined));

t.test('keeps start order, and what was taken from it before stays as it was', async (t) => {
  const list = newList();
  const a = list.add(spec('a'));
  const before = list.entries;
  list.add(spec('b', { type: 'supervisor' }));
  t.same(before, [a]);
  t.same(
    list.entries.map((entry) => entry.spec.id),
    ['a', 'b'],
  );
  t.same(list.which(), [
    { id: 'a', type: 'worker', child: undefined },
    { id: 'b', type: 'supervisor', child: undefined },
  ]);
  list.remove(a);
  t.same(list.count(), { specs: 1, active: 0, supervisors: 1, workers: 0 });
});

t.test('finds a child by its id, and says which one is missing', async (t) => {
  const list = newList();
  const a = list.add(spec('a'));
  t.equal(list.find('a'), a);
  t.equal(list.get('a'), a);
  t.equal(list.find('b'), undefined);
  t.throws(() => list.get('b'), { code: 'not_found', childId: 'b', message: /"top".*"b"/ });
});

t.test('tells a child that neither runs nor is about to from the others', async (t) => {
  const list = newList();
  const a = list.add(spec('a'));
  t.equal(list.getStopped('a'), a);
  const child = new FakeChild('a', [], {});
  a.state = { type: 'running', child };
  t.throws(() => list.getStopped('a'), { code: 'running' });
  t.equal(list.which()[0]?.child, child);
  t.equal(list.count().active, 1);
  a.state = { type: 'restarting' };
  t.throws(() => list.getStopped('a'), { code: 'restarting' });
  t.equal(list.which()[0]?.child, 'restarting');
  t.throws(() => list.getStopped('b'), { code: 'not_found' });
});

t.test('forgets temporary children only', async (t) => {
  const list = newList();
  for (const restart of ['permanent', 'transient', 'temporary']) {
    list.removeIfTemporary(list.add(spec(restart, { restart })));
  }
  t.same(
    list.which().map(({ id }) => id),
    ['permanent', 'transient'],
  );
});
