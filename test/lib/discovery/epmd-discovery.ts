import t from 'tap';
import { EpmdDiscovery } from '../../../lib/discovery/epmd-discovery.ts';
import { EpmdError } from '../../../lib/distribution/errors.ts';

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

t.test('passes on that EPMD does not answer', async (t) => {
  const list = () => Promise.reject(new EpmdError('unreachable', 'nothing listens'));
  const source = new EpmdDiscovery({ ownName: 'me@localhost', epmdPort: 4369, list });
  await t.rejects(source.discover(), { code: 'unreachable' });
});

t.test('is for loopback hosts alone', async (t) => {
  t.throws(() => new EpmdDiscovery({ ownName: 'me@10.0.0.1', epmdPort: 4369 }), RangeError);
});
