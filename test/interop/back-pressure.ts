/** What happens when the other side does not read: our queue to it is bounded, and theirs to us. */
import t from 'tap';
import { isTuple, tuple } from '../../lib/distribution/index.ts';
import { RemoteActor, startCluster } from '../support/interop.ts';
import { erlangPeer, until } from '../support/peers.ts';

const erlang = { skip: erlangPeer.skip };
const MEGABYTE = 1024 * 1024;

t.test('a sender that waits keeps the queue short while erl does not read', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  const ours = node.actor();
  const theirs = await RemoteActor.start(erl, 'theirs');
  const pid = await theirs.meet(ours);
  const [connection] = node.local.connections();
  erl.signal('SIGSTOP');
  t.teardown(() => erl.signal('SIGCONT'));

  const count = 100;
  let sent = 0;
  let highest = 0;
  const chunk = new Uint8Array(MEGABYTE / 2);
  const sending = (async () => {
    for (; sent < count; sent += 1) {
      await node.local.whenWritable(erl.name);
      ours.send(pid, tuple(sent, chunk));
      highest = Math.max(highest, connection!.bytesQueued);
    }
  })();
  await until(() => connection!.isBusy);
  t.ok(sent < count, `it stopped after ${sent} of ${count} messages`);
  erl.signal('SIGCONT');
  await sending;
  t.ok(highest <= 2 * MEGABYTE, `never more than ${highest} bytes were queued`);
  t.equal(
    await theirs.eval(`[receive {N, <<_:${MEGABYTE / 2}/binary>>} -> N after 5000 -> nothing end
      || N <- lists:seq(0, ${count - 1})] =:= lists:seq(0, ${count - 1})`),
    'true',
    'all of it has arrived',
  );
});

t.test('a sender that does not wait costs the connection, not the memory', erlang, async (t) => {
  const cluster = await startCluster(t);
  const limits = { maxQueuedBytes: 8 * MEGABYTE };
  const [node, erl] = await Promise.all([cluster.node('ours', { limits }), cluster.erl('erl')]);
  await node.connect(erl);
  const [connection] = node.local.connections();
  const ours = node.actor();
  erl.signal('SIGSTOP');
  t.teardown(() => erl.signal('SIGCONT'));
  let highest = 0;
  for (let i = 0; i < 200 && node.local.isConnected(erl.name); i += 1) {
    ours.send({ name: 'nobody', node: erl.name }, new Uint8Array(MEGABYTE), { connect: false });
    highest = Math.max(highest, connection!.bytesQueued);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.strictSame(node.history(erl), ['nodeup', 'nodedown send_queue_full']);
  t.ok(highest <= 9 * MEGABYTE, `never more than ${highest} bytes were queued`);
  t.equal(connection!.bytesQueued, 0);

  erl.signal('SIGCONT');
  await erl.evalUntil('nodes()', '[]');
  t.equal(await node.local.connect(erl.name), true, 'it can be reached again');
});

t.test('erl is held back while we do not read', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  const ours = node.actor();
  const theirs = await RemoteActor.start(erl, 'theirs');
  await theirs.meet(ours);
  const count = 60;
  await theirs.eval(`spawn(fun() ->
    Start = erlang:monotonic_time(millisecond),
    [P ! {N, binary:copy(<<N>>, ${MEGABYTE})} || N <- lists:seq(1, ${count})],
    P ! {done, erlang:monotonic_time(millisecond) - Start} end), ok`);
  const deafMs = 1_000;
  const deafUntil = performance.now() + deafMs;
  while (performance.now() < deafUntil);
  for (let n = 1; n <= count; n += 1) {
    const message = await ours.receive({ timeoutMs: 10_000 });
    const [number, bytes] = isTuple(message, 2) ? message.elements : [];
    if (number !== n || !(bytes instanceof Uint8Array) || bytes[MEGABYTE - 1] !== n) {
      t.fail(`message ${n} is not what was sent`);
    }
  }
  const done = await ours.receive({ timeoutMs: 5_000 });
  const sendingMs = isTuple(done, 2, 'done') ? Number(done.elements[1]) : 0;
  t.ok(sendingMs > deafMs / 2, `the sender was suspended: it took ${sendingMs} ms`);
  t.strictSame(node.history(erl), ['nodeup']);
});
