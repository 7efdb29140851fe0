import { test } from 'tap';
import { PASS_THROUGH_FLAGS } from '../../../../../lib/distribution/wire/flags.ts';
import { encodeSendName } from '../../../../../lib/distribution/wire/handshake/messages.ts';
import {
  framesOf,
  message,
  rawSelf,
  startConnections,
} from '../../../../support/node-connections.ts';
import { until } from '../../../../support/until.ts';

const M = 'm@h';
const A = 'a@h';

test('a peer that came back: its old nodedown is complete before its ack is sent, and before nodeup', async (t) => {
  const node = await startConnections(t, M);
  const old = await node.raw();
  await old.initiate(rawSelf(A), M);
  await until(() => node.log.length === 1, { what: 'nodeup' });
  let atReply: string[] = [];
  const written: number[] = [];
  node.connections.onNodeEvent(() => written.push(node.accepted.at(-1)!.bytesWritten));
  const challenger = await node.raw();
  await challenger.initiate(rawSelf(A), M, {
    beforeReply: () => {
      atReply = [...node.log];
    },
  });
  t.strictSame(atReply, ['nodeup a@h'], 'nothing was closed before the digest was verified');
  t.strictSame(node.log, [
    'nodeup a@h',
    'unreachable a@h',
    'nodedown a@h superseded',
    'nodeup a@h',
  ]);
  t.not(node.events[0]?.connectionId, node.events[2]?.connectionId);
  t.equal(node.events[1]?.connectionId, node.events[0]?.connectionId);
  t.equal(written[1]! - written[0]!, 19, 'the ack went out between the two');
  await old.closed();
  challenger.socket.write(framesOf(PASS_THROUGH_FLAGS, message(A, M, 7)));
  await until(() => node.signals.length === 1, { what: 'the signal' });
});

test('whoever knows no cookie never closes a live connection', async (t) => {
  const node = await startConnections(t, M, { limits: { setupTimeMs: 250 } });
  const live = await node.raw();
  await live.initiate(rawSelf(A), M);
  const impostor = await node.raw();
  await t.rejects(impostor.initiate(rawSelf(A, 'guess'), M));
  const silent = await node.raw();
  silent.write(encodeSendName(rawSelf(A)));
  t.equal(await silent.readText(), 'salive');
  await silent.closed();
  const closing = await node.raw();
  closing.write(encodeSendName(rawSelf(A)));
  t.equal(await closing.readText(), 'salive');
  closing.write(Buffer.from('strue'));
  await closing.read();
  closing.socket.resetAndDestroy();
  await until(() => node.connections.unauthenticated === 0, { what: 'the slot of the challenger' });
  const denying = await node.raw();
  await t.rejects(denying.initiate(rawSelf(A), M, { alive: false }), { message: 'answered false' });
  await denying.closed();
  live.socket.write(framesOf(PASS_THROUGH_FLAGS, message(A, M, 1)));
  await until(() => node.signals.length === 1, { what: 'the signal' });
  t.strictSame(
    node.log.filter((entry) => !entry.startsWith('refused')),
    ['nodeup a@h', 'signal a@h send'],
  );
  t.equal(node.connections.unauthenticated, 0);
});

test('a second challenger is refused without a status while the first is under way', async (t) => {
  const node = await startConnections(t, M);
  await (await node.raw()).initiate(rawSelf(A), M);
  const first = await node.raw();
  first.write(encodeSendName(rawSelf(A)));
  t.equal(await first.readText(), 'salive');
  const second = await node.raw();
  second.write(encodeSendName(rawSelf(A)));
  await second.closed();
  t.equal(second.parser.next(), undefined, 'no status');
});

test('signals wait for a challenger when the old connection ends by itself', async (t) => {
  const node = await startConnections(t, M);
  const old = await node.raw();
  await old.initiate(rawSelf(A), M);
  const challenger = await node.raw();
  challenger.write(encodeSendName(rawSelf(A)));
  t.equal(await challenger.readText(), 'salive');
  old.socket.destroy();
  await until(() => node.events.length === 2, { what: 'nodedown' });
  node.connections.deliver(A, message(M, A, 1), { connect: false });
  const connecting = node.connections.connect(A);
  challenger.socket.destroy();
  t.match(await connecting, { connected: false, error: { code: 'unreachable' } });
  t.strictSame(
    node.log.slice(-3),
    ['refused in a@h closed', 'refused out a@h unreachable', 'unreachable a@h'],
    'once it is gone we dial ourselves',
  );
});

test('a listener that disconnects the node while it is being replaced ends the challenger', async (t) => {
  const node = await startConnections(t, M);
  await (await node.raw()).initiate(rawSelf(A), M);
  await until(() => node.events.length === 1, { what: 'nodeup' });
  node.connections.onNodeEvent((event) => {
    if (event.type === 'nodedown') node.connections.disconnect(A, 'disconnect');
  });
  const challenger = await node.raw();
  await t.rejects(challenger.initiate(rawSelf(A), M), { message: 'closed' });
  t.equal(node.connections.get(A), undefined);
  t.equal(node.connections.unauthenticated, 0);
});
