import t from 'tap';
import {
  isLocalPeer,
  isLoopback,
  listenHostFor,
} from '../../../../lib/distribution/epmd/loopback.ts';

t.test('loopback is 127.0.0.0/8, ::1 and localhost', async (t) => {
  for (const host of [
    '127.0.0.1',
    '127.8.9.1',
    '::1',
    '::ffff:127.0.0.1',
    'localhost',
    'LOCALHOST',
  ]) {
    t.ok(isLoopback(host), host);
  }
  for (const host of ['128.0.0.1', '10.0.0.1', '::2', '::ffff:10.0.0.1', 'example.org', '']) {
    t.notOk(isLoopback(host), host);
  }
});

t.test('a local peer comes over loopback or from the address it came to', async (t) => {
  t.ok(isLocalPeer('127.0.0.1', '127.0.0.1'));
  t.ok(isLocalPeer('::ffff:127.0.0.1', '::ffff:127.0.0.1'));
  t.ok(isLocalPeer('10.1.2.3', '::ffff:10.1.2.3'));
  t.notOk(isLocalPeer('10.1.2.4', '10.1.2.3'));
});

t.test('a node listens in the address family of its host, and no further than that', async (t) => {
  for (const [host, expected] of [
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['10.0.0.1', '0.0.0.0'],
    ['node1.example.org', '0.0.0.0'],
    ['::1', '::1'],
    ['fd00::7', '::'],
  ] as const) {
    t.equal(listenHostFor(host), expected, host);
  }
});
