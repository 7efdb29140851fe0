import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Test, test } from 'tap';
import { Application } from '../../lib/application.ts';
import { loadConfig } from '../../lib/config.ts';
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
import { attachLogger, createLogger } from '../../lib/telemetry/logger.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from '../support/free-ports.ts';
import { lintMetrics, parseMetrics, seriesValue } from '../support/prometheus-text.ts';
import { until } from '../support/until.ts';

/** The configuration that an environment gives, with no files and HTTP on any free port. */
function configure(env: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    argv: [],
    env: { PORT: '0', HOST: '127.0.0.1', ...env },
    readFile: () => undefined,
  });
}

/** Remembers which children started, stopped, ended and were started again, in order. */
function recorder() {
  const telemetry = new Telemetry();
  const children: string[] = [];
  for (const what of ['started', 'restarted', 'stopped', 'exited']) {
    telemetry.attach(
      `record-${what}`,
      `supervisor.child.${what}`,
      (_event, _measured, metadata) => {
        children.push(`${what} ${metadata.childId}`);
      },
    );
  }
  return { telemetry, children };
}

async function start(t: Test, env?: Readonly<Record<string, string>>) {
  const { telemetry, children } = recorder();
  const cookie = env?.ERLANG_COOKIE;
  const application = await Application.start({
    config: configure(env),
    cookie: cookie === undefined ? undefined : { cookie, source: 'explicit' },
    telemetry,
  });
  t.teardown(() => application.stop());
  return { application, telemetry, children };
}

async function json(application: Application, path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(`${application.url}${path}`, init);
  return { status: response.status, body: await response.json() };
}

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

test('two applications form one cluster and share the counter', async (t) => {
  const env = { ERLANG_COOKIE: 'two-of-a-kind', ERL_EPMD_PORT: String(await freePort()) };
  const one = await start(t, { ...env, NODE_NAME: 'one@127.0.0.1' });
  const two = await start(t, { ...env, NODE_NAME: 'two@127.0.0.1' });
  t.ok(one.application.counter.isOwner);
  t.notOk(two.application.counter.isOwner, 'the name was taken: it stands by');
  t.equal(await one.application.counter.increment(), 1);
  t.equal(await two.application.counter.increment(), 2);
  t.match(await json(two.application, '/nodes'), {
    body: { all_nodes: ['two@127.0.0.1', 'one@127.0.0.1'], total_nodes: 2 },
  });
});

test('topics reach the nodes of the cluster, also after the end of the scope under them', async (t) => {
  const env = { ERLANG_COOKIE: 'topical', ERL_EPMD_PORT: String(await freePort()) };
  const one = await start(t, { ...env, NODE_NAME: 'one@127.0.0.1' });
  const two = await start(t, { ...env, NODE_NAME: 'two@127.0.0.1' });
  /** Says it again until it is heard, because it takes a moment until the groups are known. */
  const heard = (from: Application, to: Application): Promise<void> => {
    let received: unknown;
    const subscription = to.pubsub?.subscribe('t', (message) => {
      received = message;
    });
    return until(
      () => {
        from.pubsub?.broadcast('t', { said: 'hello', by: from.node.local.name });
        return received !== undefined;
      },
      { what: `${to.node.local.name} to hear ${from.node.local.name}` },
    ).then(() => {
      subscription?.unsubscribe();
      t.strictSame(received, { said: 'hello', by: from.node.local.name });
    });
  };
  await heard(one.application, two.application);
  await heard(two.application, one.application);

  const before = two.application.pubsub;
  const told: unknown[] = [];
  two.application.onPubSub((pubsub) => told.push(pubsub));
  const { processes } = two.application.node.local;
  const stopped = before?.messages('t').next();
  two.children.length = 0;
  processes.get(processes.whereis('Elixir.Phoenix.PubSub')!)!.stop(atom('killed'));
  t.match(await stopped, { done: true }, 'whoever subscribed hears of the end');
  await until(() => two.application.pubsub !== before, { what: 'another pubsub' });
  t.strictSame(two.children, ['exited pg', 'stopped topics', 'restarted pg', 'restarted topics']);
  t.equal(told.length, 1);
  t.equal(told[0], two.application.pubsub, 'and of the next one, who asks for it');
  await heard(one.application, two.application);
  await heard(two.application, one.application);

  const worker = 'Elixir.HelloDistributed.PubSub.Adapter';
  t.ok(processes.whereis(worker));
  await two.application.stop();
  t.equal(processes.whereis(worker), undefined);
});

test('the counter publishes each value, which all nodes see in order', async (t) => {
  const env = { ERLANG_COOKIE: 'published', ERL_EPMD_PORT: String(await freePort()) };
  const names = ['one@127.0.0.1', 'two@127.0.0.1', 'three@127.0.0.1'];
  const applications: Application[] = [];
  for (const name of names) {
    applications.push((await start(t, { ...env, NODE_NAME: name })).application);
  }
  const seen = applications.map(({ pubsub }) => {
    const messages: unknown[] = [];
    pubsub?.subscribe('counter', (message) => messages.push(message));
    return messages;
  });
  // A first one until all have heard it: by then the groups are known everywhere.
  let counted = 0;
  await until(
    async () => {
      counted = Number(await applications[0]!.counter.increment());
      return seen.every((messages) => messages.length > 0);
    },
    { what: 'all to hear of the counter' },
  );
  const everyone = applications.flatMap(({ counter }) =>
    Array.from({ length: 100 }, () => counter.increment()),
  );
  await Promise.all(everyone);
  const last = counted + everyone.length;
  const lastSeen = () => seen.map((messages) => (messages.at(-1) as { count: number }).count);
  await until(() => lastSeen().every((count) => count === last), {
    what: () => `${last}; seen ${lastSeen()}`,
  });
  for (const [at, messages] of seen.entries()) {
    const { count: first } = messages[0] as { count: number };
    const expected = Array.from({ length: last - first + 1 }, (_, more) => ({
      ...{ count: first + more, node: names[0]! },
    }));
    t.strictSame(messages, expected, `on ${names[at]}`);
  }
});

test('metrics tell of the requests, the peers while they are there, and the counter', async (t) => {
  const env = { ERLANG_COOKIE: 'measured', ERL_EPMD_PORT: String(await freePort()) };
  const one = await start(t, { ...env, NODE_NAME: 'one@127.0.0.1' });
  const two = await start(t, { ...env, NODE_NAME: 'two@127.0.0.1' });
  await json(two.application, '/counter/increment', { method: 'POST' });
  await json(two.application, '/unknown/path');
  const scrape = async ({ application }: typeof one) => {
    const response = await fetch(`${application.url}/metrics`);
    t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const families = parseMetrics(await response.text());
    t.strictSame(lintMetrics(families), []);
    return (name: string, labels = {}) => seriesValue(families, name, labels);
  };
  const ofTwo = await scrape(two);
  const posted = { method: 'POST', route: '/counter/increment', status: '200' };
  t.equal(ofTwo('http_requests_total', posted), 1);
  t.equal(ofTwo('http_requests_total', { method: 'GET', route: 'unmatched', status: '404' }), 1);
  const duration = { route: '/counter/increment', status: '200' };
  t.equal(ofTwo('http_request_duration_seconds_count', duration), 1);
  const peer = { peer: 'one@127.0.0.1' };
  t.ok((ofTwo('hello_distributed_connection_received_bytes_total', peer) ?? 0) > 0);
  t.ok((ofTwo('hello_distributed_connection_sent_bytes_total', peer) ?? 0) > 0);
  // What the nodes tell each other at this moment may be on its way.
  t.ok((ofTwo('hello_distributed_connection_queue_bytes', peer) ?? -1) >= 0);
  t.equal(ofTwo('hello_distributed_cluster_nodes'), 2);
  t.equal(ofTwo('hello_distributed_owner'), 0);
  t.equal(ofTwo('hello_distributed_increments'), 1);
  t.ok((ofTwo('hello_distributed_calls_total') ?? 0) > 0);

  const ofOne = await scrape(one);
  t.equal(ofOne('hello_distributed_owner'), 1);
  t.equal(ofOne('hello_distributed_increments'), 1);
  t.equal(ofOne('hello_distributed_take_over_duration_seconds_count'), 1);

  await one.application.stop();
  const { local } = two.application.node;
  await until(() => two.application.counter.isOwner && local.nodes().length === 0);
  const later = await scrape(two);
  t.equal(later('hello_distributed_connection_received_bytes_total', peer), undefined);
  t.equal(later('hello_distributed_cluster_nodes'), 1);
  t.equal(later('hello_distributed_owner_changes_total', { change: 'taken_over' }), 1);
  t.equal(later('hello_distributed_nodeups_total'), 1);
  t.equal(later('hello_distributed_owner_registrations_total'), 2, 'that of one, then its own');
  t.notOk(one.telemetry.hasHandlers('http.request.stop'), 'who has stopped listens no longer');
});

test('a request that is served by another node is told by both logs under one id', async (t) => {
  const env = { ERLANG_COOKIE: 'traced', ERL_EPMD_PORT: String(await freePort()) };
  const logOf = ({ telemetry }: { readonly telemetry: Telemetry }) => {
    const lines: { readonly msg: string; readonly [field: string]: unknown }[] = [];
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
    attachLogger(telemetry, createLogger({ destination }));
    return lines;
  };
  const owner = await start(t, { ...env, NODE_NAME: 'owner@127.0.0.1' });
  const asked = await start(t, { ...env, NODE_NAME: 'asked@127.0.0.1' });
  const [ofOwner, ofAsked] = [logOf(owner), logOf(asked)];
  const ask = async (path: string, method: string, id: string) => {
    const headers = { 'x-request-id': id };
    const response = await fetch(`${asked.application.url}${path}`, { method, headers });
    t.equal(response.status, 200);
    t.equal(response.headers.get('x-request-id'), id);
  };
  await ask('/counter/increment', 'POST', 'trace.increment-1');
  await ask('/counter', 'GET', 'trace.get-2');
  await until(() => ofOwner.length >= 2 && ofAsked.length >= 2);
  t.match(ofAsked, [
    { msg: 'request', path: '/counter/increment', requestId: 'trace.increment-1', status: 200 },
    { msg: 'request', path: '/counter', requestId: 'trace.get-2', status: 200 },
  ]);
  const arrived = { msg: 'requests of another node', peer: 'asked@127.0.0.1', level: 'info' };
  t.match(ofOwner, [
    { ...arrived, operation: 'increment', requestIds: ['trace.increment-1'] },
    { ...arrived, operation: 'get', requestIds: ['trace.get-2'] },
  ]);
  t.equal(ofOwner.length, 2);
});

test('in production pages for operators are closed without credentials, and open with them', async (t) => {
  const production = { NODE_ENV: 'production' };
  const closed = await start(t, production);
  for (const method of ['GET', 'POST']) {
    const known = await fetch(`${closed.application.url}/metrics`, { method });
    const unknown = await fetch(`${closed.application.url}/unknown`, { method });
    t.equal(known.status, 404);
    t.equal(await known.text(), await unknown.text());
    const headers = ({ headers }: Response) => [...headers.keys()];
    t.strictSame(headers(known), headers(unknown));
  }
  const open = await start(t, {
    ...production,
    ...{ DASHBOARD_USER: 'operator', DASHBOARD_PASSWORD: 'secret phrase' },
  });
  const url = `${open.application.url}/metrics`;
  t.equal((await fetch(url)).status, 401);
  const authorization = `Basic ${Buffer.from('operator:secret phrase').toString('base64')}`;
  t.equal((await fetch(url, { headers: { authorization } })).status, 200);
});

test('in development pages for operators are open on loopback only', async (t) => {
  const { application } = await start(t, { HOST: '0.0.0.0' });
  const { port } = new URL(application.url ?? '');
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200);
  const elsewhere = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (elsewhere === undefined) {
    t.comment('this machine has no address but loopback: a client elsewhere was not tried');
    return;
  }
  // A client that speaks with another address of this machine has that address itself.
  const headers = { 'x-forwarded-for': '127.0.0.1', host: 'localhost' };
  const response = await fetch(`http://${elsewhere.address}:${port}/metrics`, { headers });
  t.equal(response.status, 404);
});

test('the names of other nodes on the machine are not joined with the user’s own cookie', async (t) => {
  const epmdPort = await freePort();
  const stranger = await startNode({ name: 'stranger@127.0.0.1', cookie: 'mine', epmdPort });
  t.teardown(() => stranger.stop());
  const { telemetry } = recorder();
  const application = await Application.start({
    config: configure({ NODE_NAME: 'alone@127.0.0.1', ERL_EPMD_PORT: String(epmdPort) }),
    cookie: { cookie: 'mine', source: 'file' },
    telemetry,
  });
  t.teardown(() => application.stop());
  t.strictSame(application.node.local.nodes(), []);
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
