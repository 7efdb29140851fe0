import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { listNames, lookUp, register } from '../../lib/distribution/epmd/client.ts';
import { EpmdRegistration } from '../../lib/distribution/epmd/registration.ts';
import { startEpmdServer } from '../../lib/distribution/epmd/server.ts';
import { freePort } from '../support/free-ports.ts';
import { erlangPeer, startEpmd, startErl, until } from '../support/peers.ts';

const options = { skip: erlangPeer.skip, buffered: true };
// The tests mostly wait for retries of 2 s, each with a port of its own.
t.jobs = 3;
const run = promisify(execFile);
const host = '127.0.0.1';
const timeoutMs = 5_000;
const cookie = 'epmd-interop';
const sorted = (names: readonly { name: string }[]) => names.map(({ name }) => name).sort();

/** What the `epmd` command prints about the mapper on `port`. */
async function epmdNames(port: number): Promise<string> {
  return (await run('epmd', ['-port', String(port), '-names'])).stdout;
}

function registration(t: Test, name: string, epmdPort: number) {
  const kept = new EpmdRegistration({
    ...{ name, tcpPort: 4711, epmdPort, retryDelayMs: 200 },
    ...{ allowEmbedded: true, listenHost: '127.0.0.1' },
  });
  t.teardown(() => kept.stop());
  return kept;
}

t.test("our client against OTP's epmd", options, async (t) => {
  const epmd = await startEpmd(await freePort());
  t.teardown(() => epmd.stop());
  const call = { host, epmdPort: epmd.port, timeoutMs };
  const alpha = { epmdPort: epmd.port, name: 'alpha', tcpPort: 4711, timeoutMs } as const;

  t.same(await listNames(call), []);
  const first = await register({ ...alpha, nodeType: 'normal' });
  t.ok(first.creation >= 4);
  await t.rejects(register({ ...alpha, nodeType: 'normal' }), { code: 'name_taken' });
  t.match(await lookUp({ ...call, name: 'alpha' }), { tcpPort: 4711, nodeType: 'normal' });
  t.equal(await lookUp({ ...call, name: 'nobody' }), undefined);
  t.same(await listNames(call), [{ name: 'alpha', tcpPort: 4711 }]);
  t.match(await epmdNames(epmd.port), 'name alpha at port 4711');

  first.close();
  await until(async () => (await listNames(call)).length === 0);
  const second = await register({ ...alpha, nodeType: 'hidden' });
  t.not(second.creation, first.creation);
  t.match(await lookUp({ ...call, name: 'alpha' }), { nodeType: 'hidden' });
  // With 255 characters epmd of OTP 25 accepts the registration but drops the look-up.
  const longest = 'é'.repeat(254);
  const long = await register({ ...alpha, name: longest, nodeType: 'normal' });
  t.match(await lookUp({ ...call, name: longest }), { name: longest });
  long.close();

  const lost = new Promise((resolve) => second.onLost(resolve));
  await epmd.stop();
  t.match(await lost, { code: 'closed' });
});

t.test("a registration outlives OTP's epmd and takes its place", options, async (t) => {
  const epmd = await startEpmd(await freePort());
  t.teardown(() => epmd.stop());
  const kept = registration(t, 'alpha', epmd.port);
  await kept.start();
  t.notOk(kept.isHosting);
  const peer = await startErl({ name: `x@${host}`, cookie, epmdPort: epmd.port });
  t.teardown(() => peer.stop());
  await epmd.stop();
  const call = { host, epmdPort: epmd.port, timeoutMs };
  await until(() => kept.isHosting && kept.isRegistered, { timeoutMs: 5_000 });
  await until(async () => sorted(await listNames(call)).join() === 'alpha,x', { timeoutMs: 5_000 });
});

t.test('erl lives with our server', options, async (t) => {
  let server = await startEpmdServer({ host, epmdPort: 0 });
  t.teardown(() => server.close());
  const { epmdPort } = server;
  const [x, y] = await Promise.all(
    ['x', 'y'].map((name) => startErl({ name: `${name}@${host}`, cookie, epmdPort })),
  );
  t.teardown(() => Promise.all([x!.stop(), y!.stop()]));

  await t.test('registers and is found', async (t) => {
    t.same(sorted(server.names()), ['x', 'y']);
    t.match(await lookUp({ host, epmdPort, name: 'x', timeoutMs }), {
      ...{ name: 'x', nodeType: 'normal', highestVersion: 6 },
    });
    t.equal(await x!.eval(`net_adm:ping('y@${host}')`), 'pong');
    t.equal(await x!.eval(`net_adm:ping('nobody@${host}')`), 'pang');
  });

  await t.test('lists names, as does the epmd command', async (t) => {
    const [{ tcpPort } = { tcpPort: 0 }] = server.names().filter(({ name }) => name === 'x');
    const format = '~tp';
    const names = await x!.eval('{ok, N} = net_adm:names({127,0,0,1}), lists:sort(N)', { format });
    t.match(names, `{"x",${tcpPort}}`);
    t.match(names, '{"y",');
    t.match(await x!.eval('erl_epmd:names({127,0,0,1})', { format }), /^\{ok,\[/);
    const printed = await epmdNames(epmdPort);
    t.match(printed, `epmd: up and running on port ${epmdPort} with data:`);
    t.match(printed, `name x at port ${tcpPort}`);
  });

  await t.test('uses the creation it was given', async (t) => {
    const creation = Number(await x!.eval('erlang:system_info(creation)'));
    t.ok(creation >= 4);
  });

  await t.test('cannot take a name twice', async (t) => {
    await t.rejects(
      startErl({ name: `x@${host}`, cookie, epmdPort }),
      /register|in use|duplicate/i,
    );
    t.same(sorted(server.names()), ['x', 'y']);
  });

  await t.test("OTP's daemon gives way to our server", async (t) => {
    const args = ['-address', host, '-port', String(epmdPort), '-daemon'];
    await run('epmd', args);
    t.same(sorted(server.names()), ['x', 'y']);
    t.match(await epmdNames(epmdPort), 'name x at port');
  });

  await t.test('is back within 3 s of a restart of the server', async (t) => {
    await server.close();
    server = await startEpmdServer({ host, epmdPort });
    await until(() => server.names().length === 2, { timeoutMs: 3_000 });
    t.same(sorted(server.names()), ['x', 'y']);
  });

  await t.test('gives its name back when it is killed', async (t) => {
    await y!.kill();
    await until(() => server.names().length === 1);
    t.same(sorted(server.names()), ['x']);
  });
});

t.test('another node takes over the server, and erl follows', options, async (t) => {
  const epmdPort = await freePort();
  const [a, b] = [registration(t, 'a', epmdPort), registration(t, 'b', epmdPort)];
  await a.start();
  await b.start();
  t.same([a.isHosting, b.isHosting], [true, false]);
  const peer = await startErl({ name: `x@${host}`, cookie, epmdPort });
  t.teardown(() => peer.stop());
  const call = { host, epmdPort, timeoutMs };
  t.same(sorted(await listNames(call)), ['a', 'b', 'x']);

  await a.stop();
  await until(() => b.isHosting && b.isRegistered, { timeoutMs: 4_000 });
  await until(async () => sorted(await listNames(call)).join() === 'b,x', { timeoutMs: 4_000 });
  t.equal(await peer.eval('node()'), `'x@${host}'`);
});
