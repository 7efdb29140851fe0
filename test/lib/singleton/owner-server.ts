import t, { type Test } from 'tap';
import {
  atom,
  type GenServer,
  startGenServer,
  startNode,
  type Term,
} from '../../../lib/distribution/index.ts';
import { OwnerServer } from '../../../lib/singleton/owner-server.ts';

async function owner(t: Test) {
  const node = await startNode();
  t.teardown(() => node.stop());
  const server = new OwnerServer();
  const started = startGenServer(node.local.processes, server);
  const process = await server.process;
  const call = (request: string) => node.client.call(process.pid, atom(request));
  return { node, server, started, process, call };
}

function recorder(name: string) {
  const seen: string[] = [];
  const note = (kind: string, term: Term) => void seen.push(`${kind} ${term}`);
  const server: GenServer = {
    handleCall: (request) => ({ reply: atom(`${name}:${request}`) }),
    handleCast: (request) => note('cast', request),
    handleInfo: (message) => note('info', message),
    terminate: (reason) => note('terminate', reason),
  };
  return { seen, server };
}

t.test('calls wait until it serves', async (t) => {
  const { server, started, call } = await owner(t);
  const early = call('early');
  await server.serve(recorder('first').server);
  t.match(await early, { name: 'first:early' });
  t.match(await started, { type: 'started' });
});

t.test('held calls and casts go to the successor, as does what comes later', async (t) => {
  const { node, server, process, call } = await owner(t);
  const [first, second] = [recorder('first'), recorder('second')];
  await server.serve(first.server);
  const next = await startGenServer(node.local.processes, second.server);
  if (next.type !== 'started') throw new Error('expected a process');
  server.hold();
  const held = call('held');
  node.client.cast(process.pid, atom('held'));
  node.local.processes.send(process.pid, process.pid, atom('tick'));
  t.strictSame([...first.seen, ...second.seen], []);
  await server.forward(next.pid);
  t.match(await held, { name: 'second:held' });
  t.match(await call('late'), { name: 'second:late' });
  node.client.cast(process.pid, atom('late'));
  t.strictSame(second.seen, ['cast held', 'cast late']);
  t.strictSame(first.seen, [], 'plain messages reach nobody');
});

t.test('without a successor held calls are answered here', async (t) => {
  const { node, server, process, call } = await owner(t);
  const first = recorder('first');
  await server.serve(first.server);
  server.hold();
  const held = call('held');
  await server.release();
  t.match(await held, { name: 'first:held' });
  node.client.cast(process.pid, atom('x'));
  node.local.processes.send(process.pid, process.pid, atom('y'));
  process.shutdown();
  await process.exited;
  t.strictSame(first.seen, ['cast x', 'info y', 'terminate shutdown']);
});

t.test('one that never served ends quietly', async (t) => {
  const { server, started, process } = await owner(t);
  server.abandon();
  t.strictSame(await started, { type: 'ignore' });
  t.match(await process.exited, { name: 'normal' });
});
