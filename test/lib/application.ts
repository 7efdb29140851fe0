import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'tap';
import type { Application } from '../../lib/application.ts';
import { COUNTER_NAME } from '../../lib/counter.ts';
import { register } from '../../lib/distribution/epmd/client.ts';
import {
  atom,
  type From,
  type Process,
  reply,
  startGenServer,
  startNode,
} from '../../lib/distribution/index.ts';
import { json, start } from '../support/applications.ts';
import { freePort } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

test('starts its children in order, and stops the endpoint first, the rest backward', async (t) => {
  const { application, children } = await start(t);
  t.strictSame(children.splice(0), [
    'started telemetry',
    'started pubsub',
    'started live',
    'started request_trace',
    'started endpoint',
    'started counter',
  ]);
  await application.stop();
  t.strictSame(children, [
    'stopped endpoint',
    'stopped counter',
    'stopped request_trace',
    'stopped live',
    'stopped pubsub',
    'stopped telemetry',
  ]);
  t.match(await application.exited, { type: 'shutdown' });
  t.equal(application.stop(), application.stop(), 'stopping twice is stopping once');
});

test('outside of a cluster it is nonode@nohost, and counts', async (t) => {
  const { application } = await start(t);
  t.match(await json(application, '/nodes'), {
    status: 200,
    body: { current_node: 'nonode@nohost', connected_nodes: [], total_nodes: 1 },
  });
  t.match(await json(application, '/counter/increment', { method: 'POST' }), {
    status: 200,
    body: { count: 1, node: 'nonode@nohost' },
  });
  t.equal(await application.counter.get(), 1);
});

test('a request under way is answered before anything else ends', async (t) => {
  const { application, children } = await start(t);
  const { local } = application.node;
  const { asked } = await patientOwner(application);
  const answer = json(application, '/counter');
  const from = await asked;
  const stopping = application.stop();
  // Those who have connected by now are answered, later ones are not.
  const isRefused = () =>
    fetch(`${application.url}/`)
      .then((response) => response.text())
      .then(
        () => false,
        (error: unknown) => error instanceof TypeError,
      );
  await until(isRefused, { what: 'no new connection is taken' });
  t.notOk(children.includes('stopped counter'));
  reply(local.processes, from, 7);
  t.match(await answer, { status: 200, body: { count: 7 } });
  await stopping;
  t.ok(children.indexOf('stopped endpoint') < children.indexOf('stopped counter'));
});

test('a node that stops says on the connections it still has that it is not ready', async (t) => {
  const { application, telemetry } = await start(t);
  const { asked } = await patientOwner(application);
  const { port } = new URL(application.url ?? '');
  const client = connect(Number(port), '127.0.0.1').setEncoding('latin1');
  t.teardown(() => client.destroy());
  let received = '';
  client.on('data', (text) => {
    received += String(text);
  });
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.write('GET /counter HTTP/1.1\r\nHost: x\r\n\r\n');
  const from = await asked;
  const stopping = application.stop();
  const arrived = new Promise<void>((resolve) => {
    telemetry.attach('arrival', 'http.request.start', () => resolve());
  });
  client.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
  await arrived;
  reply(application.node.local.processes, from, 7);
  await closed;
  const [counter = '', ready = ''] = received.split(/(?=HTTP\/1\.1 503)/);
  t.match(counter, /^HTTP\/1\.1 200 .*"count":7/s);
  t.match(ready, /^HTTP\/1\.1 503 .*"status":"unavailable".*"http":"stopping"/s);
  await stopping;
});

test('is ready when it has joined what it knew at the start, and not before', async (t) => {
  const epmdPort = await freePort();
  const one = await startNode({ name: 'one@127.0.0.1', cookie: 'c', epmdPort });
  t.teardown(() => one.stop());
  // A node that is dialled and says nothing.
  const silent = createServer().listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port: tcpPort } = silent.address() as AddressInfo;
  const registration = await register({
    ...{ name: 'silent', tcpPort, nodeType: 'normal', host: '127.0.0.1', epmdPort },
    timeoutMs: 10_000,
  });
  t.teardown(() => registration.close());
  const dialled = new Promise<Socket>((resolve) => silent.once('connection', resolve));

  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const starting = start(t, {
    ...{ PORT: port, NODE_NAME: 'two@127.0.0.1', ERLANG_COOKIE: 'c' },
    ...{ ERL_EPMD_PORT: String(epmdPort), CONNECT_NODES: 'one@127.0.0.1,silent@127.0.0.1' },
  });
  const socket = await dialled;
  t.equal((await fetch(`${url}/health`)).status, 200);
  const early = await fetch(`${url}/ready`);
  t.equal(early.status, 503);
  t.match(await early.json(), {
    checks: { http: 'up', distribution: 'up', cluster: 'joining', counter: 'not_asked' },
  });
  socket.destroy();
  const { application } = await starting;
  t.strictSame(application.node.local.nodes(), ['one@127.0.0.1']);
  const late = await fetch(`${url}/ready`);
  t.equal(late.status, 200);
  t.match(await late.json(), {
    checks: { http: 'up', distribution: 'up', cluster: 'joined', counter: 'reachable' },
  });
});

test('a start that fails leaves nothing: the same name and the port can be had again', async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  const { port } = blocker.address() as AddressInfo;
  const env = {
    NODE_NAME: 'again@127.0.0.1',
    ERLANG_COOKIE: 'release-everything',
    ERL_EPMD_PORT: String(await freePort()),
    PORT: String(port),
  };
  await t.rejects(start(t, env), {
    name: 'SupervisorError',
    code: 'start_failed',
    childId: 'endpoint',
    cause: { code: 'address_in_use' },
  });
  await new Promise((resolve) => blocker.close(resolve));
  const { application } = await start(t, env);
  t.match(await json(application, '/'), { status: 200, body: { node: 'again@127.0.0.1' } });
});

test('a node that cannot start is a failed start', async (t) => {
  const env = {
    NODE_NAME: 'twice@127.0.0.1',
    ERLANG_COOKIE: 'one-name-one-node',
    ERL_EPMD_PORT: String(await freePort()),
  };
  const { application } = await start(t, env);
  await t.rejects(start(t, env), { code: 'name_taken' });
  t.match(await json(application, '/nodes'), { status: 200, body: { total_nodes: 1 } });
});

test('a counter that is killed goes on, on this node if it is the only one', async (t) => {
  const { application, children } = await start(t);
  await application.counter.increment();
  ownerOf(application).stop(atom('killed'));
  t.equal(await application.counter.increment(), 2);
  t.notOk(children.includes('exited counter'), 'that is nothing for the supervisor');
});

test('a counter that fails is started again, and goes on', async (t) => {
  const { application, children } = await start(t);
  await application.counter.increment();
  ownerOf(application).crash(new Error('boom'));
  t.equal(await application.counter.increment(), 2);
  await until(() => children.at(-1) === 'restarted counter');
  t.equal(children.at(-2), 'exited counter');
});

test('a counter that fails again and again ends the application', async (t) => {
  const { application } = await start(t);
  for (let deaths = 0; deaths < 4; deaths += 1) {
    await application.counter.get();
    ownerOf(application).crash(new Error('boom'));
  }
  t.match(await application.exited, { type: 'error', error: { code: 'intensity_exceeded' } });
  await t.rejects(fetch(`${application.url}/`), 'the endpoint has ended with it');
  await application.stop();
});

/** Gives the counter's name to an owner that answers when it is told to; `asked` is who asks first. */
async function patientOwner({ node }: Application): Promise<{ readonly asked: Promise<From> }> {
  let ask: (from: From) => void = () => undefined;
  const asked = new Promise<From>((resolve) => {
    ask = resolve;
  });
  const slow = await startGenServer(node.local.processes, {
    handleCall: (_request, from) => {
      ask(from);
      return { noReply: true };
    },
  });
  if (slow.type === 'ignore') throw new Error('expected a server');
  await node.global.reRegisterName(COUNTER_NAME, slow.pid);
  return { asked };
}

/** Ends the counter's process as a crash would. */
function ownerOf(application: Application): Process {
  const { global, local } = application.node;
  const owner = global.whereisName(COUNTER_NAME);
  const process = owner === undefined ? undefined : local.processes.get(owner);
  if (process === undefined) throw new Error('expected a counter on this node');
  return process;
}
