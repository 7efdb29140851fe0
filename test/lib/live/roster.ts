import t from 'tap';
import { Roster, type Status, statusSchema } from '../../../lib/live/roster.ts';

const status = (node: string, extra: Partial<Status> = {}): Status => ({
  ...{
    node,
    incarnation: `${node}/1`,
    startedAt: 1000,
    version: '1.0.0',
    runtime: 'Node.js 24.1.0',
  },
  ...{ memoryBytes: 50_000_000, connections: 1, peers: ['a@h'], ...extra },
});

t.test('begins with this node', async (t) => {
  const roster = new Roster(status('a@h'));
  t.match(roster.entries, [
    { name: 'a@h', kind: 'node', runtime: 'Node.js 24.1.0', peers: ['a@h'] },
  ]);
  t.notOk(roster.down('a@h'), 'which never goes');
});

t.test('a node is unknown until it says who it is', async (t) => {
  const roster = new Roster(status('a@h'));
  t.equal(roster.status(status('b@h')), undefined, 'who is not connected is not shown');
  t.match(roster.up('b@h'), { name: 'b@h', kind: 'unknown', runtime: null });
  t.match(roster.status(status('b@h')), { kind: 'node', version: '1.0.0' });
  t.equal(roster.status(status('b@h')), undefined, 'nothing new');
  t.match(roster.status(status('b@h', { memoryBytes: 1 })), { memoryBytes: 1 });
  t.match(roster.up('b@h'), { kind: 'node' }, 'coming up again changes nothing');
  t.ok(roster.down('b@h'));
  t.notOk(roster.down('b@h'));
  t.match(roster.up('b@h'), { kind: 'unknown' }, 'the next one of this name may be another');
});

t.test('a node of the BEAM is one that says nothing', async (t) => {
  const roster = new Roster(status('a@h'));
  roster.up('e@h');
  t.match(roster.beam('e@h', 'Erlang/OTP 25'), { kind: 'beam', runtime: 'Erlang/OTP 25' });
  t.equal(roster.beam('x@h', null), undefined);
  roster.up('b@h');
  roster.status(status('b@h'));
  t.equal(roster.beam('b@h', null), undefined, 'who has said what it is, is that');
});

t.test('this node comes first, then the others by name', async (t) => {
  const roster = new Roster(status('m@h'));
  for (const name of ['z@h', 'b@h', 'a@h']) roster.up(name);
  t.strictSame(
    roster.entries.map(({ name }) => name),
    ['m@h', 'a@h', 'b@h', 'z@h'],
  );
});

t.test('a cluster beyond the limit is not shown completely', async (t) => {
  const roster = new Roster(status('a@h'));
  for (let i = 0; i < 400; i += 1) roster.up(`n${i}@h`);
  t.equal(roster.entries.length, 256);
  t.equal(roster.up('one-more@h'), undefined);
});

t.test('what is no status is refused', async (t) => {
  t.ok(statusSchema.safeParse(status('a@h')).success);
  t.ok(statusSchema.safeParse(status('a@h', { memoryBytes: null })).success);
  for (const bad of [
    null,
    status(''),
    status('a@h', { runtime: 'x'.repeat(101) }),
    status('a@h', { memoryBytes: -1 }),
    status('a@h', { peers: Array.from({ length: 65 }, (_, i) => `n${i}@h`) }),
  ]) {
    t.notOk(statusSchema.safeParse(bad).success);
  }
});
