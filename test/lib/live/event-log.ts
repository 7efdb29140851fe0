import t from 'tap';
import type { ClusterEvent } from '../../../lib/live/cluster-event.ts';
import { EventLog } from '../../../lib/live/event-log.ts';

const down = (node: string, at: number, extra: Partial<ClusterEvent> = {}): ClusterEvent => ({
  ...{ id: `${node}/${at}`, node, at },
  ...{ type: 'nodedown', about: 'c@h', detail: 'connection_closed', ...extra },
});

t.test('what several nodes see is one event that names them all', async (t) => {
  const log = new EventLog();
  t.match(log.add(down('a@h', 1000)), { id: 'a@h/1000', nodes: ['a@h'] });
  t.strictSame(log.add(down('b@h', 900, { detail: 'net_tick_timeout' })), {
    ...{ id: 'a@h/1000', at: 900, type: 'nodedown', about: 'c@h', detail: 'connection_closed' },
    nodes: ['a@h', 'b@h'],
  });
  t.equal(log.events.length, 1);
});

t.test('the same report twice is no news', async (t) => {
  const log = new EventLog();
  log.add(down('a@h', 1000));
  log.add(down('b@h', 1001));
  t.equal(log.add(down('a@h', 1000)), undefined);
  t.equal(log.add(down('b@h', 1001)), undefined, 'also when it has become a part of another');
  t.equal(log.events.length, 1);
});

t.test(
  'it is another event when it is of another kind, about another, or of another time',
  async (t) => {
    const log = new EventLog();
    log.add(down('a@h', 1000));
    log.add(down('b@h', 1000, { type: 'nodeup' }));
    log.add(down('b@h', 1001, { about: 'd@h' }));
    log.add(down('b@h', 60_000));
    t.equal(log.events.length, 4);
  },
);

t.test('a node that reports the same again has seen it again', async (t) => {
  const log = new EventLog();
  log.add(down('a@h', 1000));
  log.add(down('a@h', 2000));
  log.add(down('b@h', 1010));
  log.add(down('b@h', 2010));
  t.match(
    log.events.map(({ at, nodes }) => ({ at, nodes })),
    [
      { at: 1000, nodes: ['a@h', 'b@h'] },
      { at: 2000, nodes: ['a@h', 'b@h'] },
    ],
  );
});

t.test('what one node alone can know is never taken together', async (t) => {
  const log = new EventLog();
  log.add(down('a@h', 1000, { type: 'restart', about: 'endpoint' }));
  log.add(down('b@h', 1001, { type: 'restart', about: 'endpoint' }));
  t.equal(log.events.length, 2);
});

t.test('events are in the order of their time, whenever they are told', async (t) => {
  const log = new EventLog();
  for (const at of [300_000, 100_000, 200_000]) log.add(down('a@h', at));
  t.strictSame(
    log.events.map(({ at }) => at),
    [100_000, 200_000, 300_000],
  );
});

t.test('the oldest are forgotten, with all their reports', async (t) => {
  const log = new EventLog(2);
  log.add(down('a@h', 100_000));
  log.add(down('b@h', 100_001));
  log.add(down('a@h', 200_000));
  log.add(down('a@h', 300_000));
  t.strictSame(
    log.events.map(({ at }) => at),
    [200_000, 300_000],
  );
  t.equal(log.add(down('b@h', 50_000)), undefined, 'older than all that is remembered');
  t.equal(log.events.length, 2);
});

t.test('however many report one thing, the log stays as large as it may be', async (t) => {
  const log = new EventLog();
  let told = 0;
  for (let at = 0; at < 2000; at += 1) {
    if (log.add(down(`n${at}@h`, 1000)) !== undefined) told += 1;
  }
  t.equal(log.events.length, 1);
  t.equal(log.events[0]?.nodes.length, 256);
  t.equal(told, 256, 'who is not named is no news either');
  t.ok(log.add(down('a@h', 60_000)), 'and what happens later is told');
});
