import { test } from 'tap';
import { ConnectionTable } from '../../../../lib/distribution/node/connection-table.ts';

const make = (own = 'm@h') => new ConnectionTable<string, string>(own);

test('an inbound attempt of an unknown node is accepted', async (t) => {
  const table = make();
  t.strictSame(table.decideInbound('a@h', 'in'), { decision: 'ok' });
  t.ok(table.isCurrent('a@h', 'in'));
});

test('a node that uses our own name is told nok and leaves no trace', async (t) => {
  const table = make();
  t.strictSame(table.decideInbound('m@h', 'in'), { decision: 'nok' });
  t.equal(table.get('m@h'), undefined);
});

test('of two simultaneous attempts that of the greater name wins', async (t) => {
  const table = make();
  table.addOutbound('a@h', 'out');
  t.strictSame(table.decideInbound('a@h', 'in'), { decision: 'nok' }, 'our name is greater');
  t.ok(table.isCurrent('a@h', 'out'));
  table.addOutbound('z@h', 'out');
  t.strictSame(
    table.decideInbound('z@h', 'in'),
    { decision: 'ok_simultaneous', replaced: 'out' },
    'the name of the peer is greater',
  );
  t.ok(table.isCurrent('z@h', 'in'));
  t.notOk(table.isCurrent('z@h', 'out'));
});

test('names compare by bytes, as atoms do', async (t) => {
  const table = make('B@h');
  table.addOutbound('a@h', 'out');
  t.equal(table.decideInbound('a@h', 'in').decision, 'ok_simultaneous', '"a" is greater than "B"');
});

test('an attempt while we are up is a challenger, and only one at a time', async (t) => {
  const table = make();
  table.up('a@h', 'connection');
  t.strictSame(table.decideInbound('a@h', 'first'), { decision: 'alive' });
  t.equal(table.connection('a@h'), 'connection', 'the live connection is untouched');
  t.strictSame(table.decideInbound('a@h', 'second'), { decision: 'refuse' });
  t.notOk(table.attemptFailed('a@h', 'first'), 'the node keeps its slot');
  t.equal(table.connection('a@h'), 'connection');
  t.strictSame(table.decideInbound('a@h', 'third'), { decision: 'alive' });
});

test('a challenger may still come up when the old connection ends first', async (t) => {
  const table = make();
  table.up('a@h', 'old');
  table.decideInbound('a@h', 'in');
  t.ok(table.down('a@h', 'old'));
  t.ok(table.isCurrent('a@h', 'in'));
  t.equal(table.connection('a@h'), undefined);
  table.up('a@h', 'new');
  t.equal(table.connection('a@h'), 'new');
});

test('a late end of a superseded attempt or connection changes nothing', async (t) => {
  const table = make();
  table.addOutbound('z@h', 'out');
  table.decideInbound('z@h', 'in');
  t.notOk(table.attemptFailed('z@h', 'out'));
  t.ok(table.isCurrent('z@h', 'in'));
  table.up('z@h', 'new');
  t.notOk(table.down('z@h', 'old'));
  t.equal(table.connection('z@h'), 'new');
  t.notOk(table.attemptFailed('unknown@h', 'x'));
});

test('lists the connections that are up and the attempts under way', async (t) => {
  const table = make();
  table.up('a@h', 'ca');
  table.decideInbound('a@h', 'challenger');
  table.addOutbound('b@h', 'out');
  t.strictSame([...table.connections()], ['ca']);
  t.strictSame([...table.attempts()], ['challenger', 'out']);
  t.ok(table.attemptFailed('b@h', 'out'));
  t.strictSame([...table.attempts()], ['challenger']);
});
