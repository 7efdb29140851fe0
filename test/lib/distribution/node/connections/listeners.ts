import { test } from 'tap';
import { PASS_THROUGH_FLAGS } from '../../../../../lib/distribution/wire/flags.ts';
import {
  framesOf,
  message,
  monitorOf,
  rawSelf,
  startConnections,
} from '../../../../support/node-connections.ts';
import { until } from '../../../../support/until.ts';

const M = 'm@h';
/** A name less than ours, one greater. */
const A = 'a@h';
const Z = 'z@h';

test('a listener that throws harms neither the connection nor the other listeners', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  m.connections.onNodeEvent(({ type }) => {
    throw new Error(type);
  });
  const heard: string[] = [];
  m.connections.onNodeEvent(({ type }) => heard.push(type));
  t.strictSame(await m.connections.connect(Z), { connected: true });
  z.connections.disconnect(M, 'disconnect');
  await until(() => heard.length === 2, { what: 'nodedown' });
  t.match(m.faults, [{ message: 'nodeup' }, { message: 'nodedown' }]);
});

test('a connection that a listener ends on nodeup is nobody’s success', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  const remove = m.connections.onNodeEvent(({ type, node }) => {
    if (type === 'nodeup') m.connections.disconnect(node, 'disconnect');
  });
  const heard: string[] = [];
  m.connections.onNodeEvent(({ type }) => heard.push(type));
  m.connections.deliver(Z, message(M, Z, 1));
  t.match(await m.connections.connect(Z), { connected: false, error: { code: 'closed' } });
  t.strictSame(heard, ['nodeup', 'nodedown']);
  await until(() => z.events.length === 2, { what: 'the end there' });
  remove();
  t.strictSame(await m.connections.connect(Z), { connected: true }, 'a new dial is unhurt');
});

test('what a listener sends on nodedown dials anew and arrives on the new connection', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  let downs = 0;
  m.connections.onNodeEvent(({ type }) => {
    if (type !== 'nodedown') return;
    downs += 1;
    if (downs === 1) m.connections.deliver(Z, message(M, Z, 77));
  });
  await m.connections.connect(Z);
  z.connections.disconnect(M, 'disconnect');
  await until(() => z.signals.length === 1, { what: 'the message' });
  t.strictSame(
    m.events.map(({ type, connectionId }) => `${type} ${connectionId}`),
    ['nodeup 1', 'nodedown 1', 'nodeup 2'],
  );
});

test('a fault in what hears of a lost node is reported, and the listeners hear of it all the same', async (t) => {
  const error = new Error('unreachable');
  const node = await startConnections(t, M, {
    onUnreachable() {
      throw error;
    },
  });
  const peer = await node.raw();
  await peer.initiate(rawSelf(A), M);
  peer.socket.end();
  await until(() => node.events.length === 2, { what: 'nodedown' });
  node.connections.deliver(Z, monitorOf(M, Z), { connect: false });
  node.connections.deliver(Z, message(M, Z, 1));
  t.match(await node.connections.connect(Z), { connected: false });
  t.strictSame(node.faults, [error, error, error]);
});

test('a fault in a signal’s effect is reported, and the connection goes on', async (t) => {
  const node = await startConnections(t, M, {
    onSignal() {
      throw new Error('effect');
    },
  });
  const peer = await node.raw();
  await peer.initiate(rawSelf(A), M);
  peer.socket.write(framesOf(PASS_THROUGH_FLAGS, message(A, M, 1), message(A, M, 2)));
  await until(() => node.faults.length === 2, { what: 'both' });
  t.ok(node.connections.get(A));
});
