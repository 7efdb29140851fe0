import t from 'tap';
import { EpmdDiscovery } from '../../../lib/discovery/epmd-discovery.ts';
import { EpmdError } from '../../../lib/distribution/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const unreachable = () => new EpmdError('unreachable', 'nothing listens');

t.test('names what EPMD lists on our host except ourselves, with its TCP port', async (t) => {
  const { signal } = new AbortController();
  let listed = [
    { name: 'me', tcpPort: 1 },
    { name: 'a', tcpPort: 2 },
  ];
  const source = new EpmdDiscovery({
    ownName: 'me@127.0.0.1',
    epmdPort: 4369,
    list: async (options) => {
      t.match(options, { host: '127.0.0.1', epmdPort: 4369, timeoutMs: 2_000 });
      t.equal(options.signal, signal);
      return listed;
    },
  });
  t.same(await source.discover(signal), ['a@127.0.0.1']);
  t.equal(source.incarnationOf('a@127.0.0.1'), '2');
  t.equal(source.incarnationOf('b@127.0.0.1'), undefined);
  listed = [{ name: 'b', tcpPort: 3 }];
  t.same(await source.discover(signal), ['b@127.0.0.1']);
  t.equal(source.incarnationOf('a@127.0.0.1'), undefined);
});

/** A source whose mapper answers as the script says, in the end with a list. */
function scripted(script: readonly Error[]) {
  const clock = new FakeClock();
  const answers = [...script];
  let asked = 0;
  const source = new EpmdDiscovery({
    ...{ ownName: 'me@localhost', epmdPort: 4369, clock },
    list: async () => {
      asked += 1;
      const error = answers.shift();
      if (error !== undefined) throw error;
      return [{ name: 'a', tcpPort: 2 }];
    },
  });
  return { source, clock, asked: () => asked };
}

t.test('waits for the one that takes the place of a mapper that is gone', async (t) => {
  const closed = new EpmdError('closed', 'closes just now');
  const busy = new EpmdError('timeout', 'slow');
  const { source, clock } = scripted([
    ...[closed, new EpmdError('truncated', 'closed'), unreachable(), busy],
  ]);
  const found = source.discover();
  await clock.advance(200);
  t.same(await found, ['a@localhost']);
  t.equal(clock.pending, 0);
});

t.test('passes on that EPMD does not answer, after a while or when it cannot', async (t) => {
  const never = scripted(Array.from({ length: 100 }, unreachable));
  const rejected = t.rejects(never.source.discover(), { code: 'unreachable' });
  await never.clock.advance(3_000);
  await rejected;
  t.equal(never.clock.pending, 0);
  const foreign = scripted([new EpmdError('unexpected_tag', 'no mapper')]);
  await t.rejects(foreign.source.discover(), { code: 'unexpected_tag' });
  t.equal(foreign.asked(), 1);
});

t.test('waits no longer when it is told to stop', async (t) => {
  const { source, clock, asked } = scripted([unreachable(), unreachable()]);
  const abort = new AbortController();
  const found = source.discover(abort.signal);
  await clock.advance(10);
  abort.abort();
  await t.rejects(found);
  t.equal(asked(), 2);
  t.equal(clock.pending, 0);
});

t.test('is for loopback hosts alone', async (t) => {
  t.throws(() => new EpmdDiscovery({ ownName: 'me@10.0.0.1', epmdPort: 4369 }), RangeError);
});
