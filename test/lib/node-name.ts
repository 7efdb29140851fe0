import { test } from 'tap';
import { aliveName, hostOf, isAliveName, isNodeName, NO_NODE } from '../../lib/node-name.ts';

test('knows which names nodes can have', async (t) => {
  const longest = `${'a'.repeat(127)}@${'b'.repeat(127)}`;
  for (const name of ['a@b', 'node-1_x@127.0.0.1', 'A9@host.example', 'a@::1', longest, NO_NODE]) {
    t.ok(isNodeName(name), name);
  }
  const wrong = [
    '',
    '@',
    'a',
    '@b',
    'a@',
    'a@b@c',
    'ä@b',
    'a b@c',
    'a@b c',
    'a.b@c',
    'a@b\n',
    'a@ü',
  ];
  for (const name of [...wrong, `${longest}b`]) t.notOk(isNodeName(name), JSON.stringify(name));
});

test('knows what may stand before the @', async (t) => {
  for (const text of ['a', 'counter-1', '_', '9']) t.ok(isAliveName(text), text);
  for (const text of ['', 'a b', 'a.b', 'a@b', 'ä', 'a\n']) {
    t.notOk(isAliveName(text), JSON.stringify(text));
  }
});

test('takes a node name apart at its only @', async (t) => {
  t.equal(aliveName('counter-1@10.0.0.7'), 'counter-1');
  t.equal(hostOf('counter-1@10.0.0.7'), '10.0.0.7');
  t.equal(`${aliveName(NO_NODE)} ${hostOf(NO_NODE)}`, 'nonode nohost');
  t.equal(aliveName('no-host'), '');
});
