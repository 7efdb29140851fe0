/** The documented commands, run as a user runs them. No Erlang is needed. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { Checkout, type Command, isAlive } from '../support/checkout.ts';
import { freePort } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

const checkout = new Checkout();
t.teardown(() => checkout.remove());

async function getJson(url: string, method = 'GET'): Promise<unknown> {
  const response = await fetch(url, { method });
  return response.json();
}

/** The first of some free ports in a row, out of the range from which the system takes any. */
async function freePorts(count: number): Promise<number> {
  for (let first = 20_000 + (process.pid % 300) * 30; ; first += count) {
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}

async function nothingLeft(t: Test, pids: readonly number[], ports: readonly number[]) {
  await until(() => !pids.some(isAlive), { what: () => `the ends of ${pids.filter(isAlive)}` });
  t.strictSame(
    await Promise.all(ports.map(isFree)),
    ports.map(() => true),
  );
}

t.test('npm start -- --help and --version', async (t) => {
  const help = await checkout.run('npm start -- --help');
  t.equal(help.code, 0);
  t.match(help.stdout, 'Usage: npm start -- [flags]');
  for (const name of ['main', 'console/main']) {
    const version = await checkout.run(`node dist/lib/${name}.js --version`);
    t.equal(version.code, 0);
    t.match(version.stdout, /^hello-distributed \d+\.\d+\.\d+ \(Node\.js v/);
  }
  for (const name of ['console', 'cluster']) {
    const usage = await checkout.run(`node dist/lib/${name}/main.js --help`);
    t.equal(usage.code, 0);
    t.match(usage.stdout, `Usage: npm run ${name} -- [flags]`);
  }
});

t.test('every command tells all problems of its settings at once', async (t) => {
  const env = { LOG_LEVEL: 'loud', ERL_EPMD_PORT: '0' };
  for (const name of ['main', 'console/main']) {
    const line = `node dist/lib/${name}.js --port many --name no.de1 --what`;
    const { code, stdout, stderr } = await checkout.run(line, { env });
    t.equal(code, 1);
    t.equal(stdout, '');
    t.match(stderr, 'cannot start: the configuration has 5 problems:\n');
    for (const label of ['--what:', '--port:', '--name:', 'LOG_LEVEL:', 'ERL_EPMD_PORT:']) {
      t.match(stderr, `\n  ${label}`);
    }
  }
  const cluster = await checkout.run('node dist/lib/cluster/main.js --nodes 21 --port x', { env });
  t.equal(cluster.code, 1);
  t.match(cluster.stderr, 'the configuration has 3 problems:\n');
});

t.test('production needs a cookie of its own', async (t) => {
  const env = { NODE_ENV: 'production' };
  for (const cookie of [
    '',
    ' --cookie secret',
    ' --cookie change_this_to_a_secure_random_string',
  ]) {
    const line = `node dist/lib/main.js --name node1@127.0.0.1${cookie}`;
    const { code, stderr } = await checkout.run(line, { env });
    t.equal(code, 1);
    t.match(stderr, 'make one with: openssl rand -hex 32');
  }
});

t.test('npm start without any flag is a node on its own, with a counter', async (t) => {
  const node = checkout.start('npm start');
  const [, url] = await node.expect(/"url":"([^"]+)"/);
  t.strictSame(await getJson(`${url}/nodes`), {
    current_node: 'nonode@nohost',
    connected_nodes: [],
    all_nodes: ['nonode@nohost'],
    total_nodes: 1,
  });
  t.match(await getJson(`${url}/counter/increment`, 'POST'), { count: 1 });
  t.match(await getJson(`${url}/counter`), { count: 1, node: 'nonode@nohost' });
  const [, pid] = await node.expect(/"pid":(\d+)/);
  node.signalGroup('SIGINT');
  await node.exited;
  await nothingLeft(t, [Number(pid)], []);
  t.match(node.stdout, '"msg":"stopped"');
  t.notOk(existsSync(`${checkout.folder}/.erlang.cookie`));
});

t.test(
  'npm run check asks a running service, and without an address says what it wants',
  async (t) => {
    const node = checkout.start('npm start');
    const [, url] = await node.expect(/"url":"([^"]+)"/);
    const well = await checkout.run(`npm run check -- ${url} --increments 3`);
    t.equal(well.code, 0, well.stdout + well.stderr);
    t.match(well.stdout, /all \d+ checks are well/);
    t.match(await getJson(`${url}/counter`), { count: 3 });
    const nothing = await checkout.run('npm run check');
    t.equal(nothing.code, 2);
    t.match(nothing.stderr, 'npm run check -- https://');
    t.match(nothing.stderr, 'npm run lint');
  },
);

t.test('a script that is piped into the console', async (t) => {
  const good = await checkout.run('node dist/lib/console/main.js', {
    input: 'const one = Counter.increment()\nNode.self()\n[await one,\n  Counter.get]\nhelp;1\n',
  });
  t.match(good.stdout, /^nonode@nohost\n\[1,\[Function: get\]\]\n1\n$/);
  t.equal(good.code, 0);
  t.equal(good.stderr, '');

  const bad = await checkout.run('node dist/lib/console/main.js', {
    input: "GenServer.call('nobody', atom('x'))\nnope\nCounter.get()\nfoo(",
  });
  t.match(
    bad.stdout,
    /^\*\* \(exit\) noproc.*\n\*\* \(ReferenceError\).*\n0\n\*\* \(SyntaxError\).*\n$/,
  );
  t.equal(bad.code, 1);

  const logged = await checkout.run('node dist/lib/console/main.js', {
    env: { LOG_LEVEL: 'info' },
    input: 'exit()\n1',
  });
  t.equal(logged.stdout, '');
  t.match(logged.stderr, '"msg":"stopped"');
  t.equal(logged.code, 0);
});

t.test('the walk-through with two terminals', async (t) => {
  const [port1, port2, epmdPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const env = { ERL_EPMD_PORT: String(epmdPort) };
  const [cookie1, cookie2] = ['--cookie secret', '--cookie secret'];
  const first = checkout.start(`npm run console -- --name node1@127.0.0.1 ${cookie1}`, {
    env: { ...env, PORT: String(port1) },
  });
  await first.answer('Node.self()', /^'node1@127\.0\.0\.1'$/m);
  const second = checkout.start(`npm run console -- --name node2@127.0.0.1 ${cookie2}`, {
    env: { ...env, PORT: String(port2) },
  });
  await second.answer("Node.connect('node1@127.0.0.1')", /^true$/m);
  await second.answer('Node.list()', /^\['node1@127\.0\.0\.1'\]$/m);
  await first.answer('Node.list()', /^\['node2@127\.0\.0\.1'\]$/m);
  await second.answer("Node.ping('node1@127.0.0.1')", /^pong$/m);
  await second.answer('Counter.increment()', /^1$/m);
  t.match(await getJson(`http://127.0.0.1:${port1}/counter/increment`, 'POST'), { count: 2 });
  t.match(await getJson(`http://127.0.0.1:${port2}/counter`), { count: 2 });
  await first.answer('Counter.get()', /^2$/m);
  t.match(await getJson(`http://127.0.0.1:${port1}/nodes`), { total_nodes: 2 });
  second.endInput();
  t.equal(await second.exited, 0);
  first.endInput();
  t.equal(await first.exited, 0);
});

t.test('npm run cluster, and Ctrl-C', async (t) => {
  const [port, epmdPort] = [await freePorts(3), await freePort()];
  const ports = [port, port + 1, port + 2];
  const cluster = checkout.start(`npm run cluster -- --port ${port}`, {
    env: { ERL_EPMD_PORT: String(epmdPort) },
  });
  const pids = await pidsOf(cluster, 3);
  t.match(cluster.stdout, 'all 3 nodes see each other\n');
  for (const each of ports) {
    t.match(await getJson(`http://127.0.0.1:${each}/nodes`), { total_nodes: 3 });
  }
  await getJson(`http://127.0.0.1:${port}/counter/increment`, 'POST');
  t.match(await getJson(`http://127.0.0.1:${port + 2}/counter`), { count: 1 });

  const [, cookie = ''] = await cluster.expect(/-setcookie (\S+)/);
  t.match(cookie, /^[0-9a-f]{32}$/);
  for (const pid of pids.filter(() => existsSync('/proc/self/cmdline'))) {
    t.notMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), cookie);
  }
  const joined = await checkout.run(
    `node dist/lib/console/main.js --name console@127.0.0.1 --cookie ${cookie}`,
    {
      env: { ERL_EPMD_PORT: String(epmdPort) },
      input: 'Node.list().length\nCounter.increment()\n',
    },
  );
  t.equal(joined.stdout, '3\n2\n');

  cluster.signalGroup('SIGINT');
  await cluster.exited;
  await nothingLeft(t, pids, [...ports, epmdPort]);
});

t.test('the nodes of a cluster outlive neither a crash of theirs nor of the command', async (t) => {
  const [port, epmdPort] = [await freePorts(2), await freePort()];
  const cluster = checkout.start(`node dist/lib/cluster/main.js --nodes 2 --port ${port}`, {
    env: { ERL_EPMD_PORT: String(epmdPort) },
  });
  const pids = await pidsOf(cluster, 2);
  process.kill(pids[1]!, 'SIGKILL');
  await cluster.expect(/^node2@127\.0\.0\.1 has ended by SIGKILL$/m);
  t.match(await getJson(`http://127.0.0.1:${port}/counter`), { count: 0 });
  process.kill(cluster.pid, 'SIGKILL');
  await nothingLeft(t, pids, [port, port + 1, epmdPort]);
});

t.test('a cluster that cannot start says why, and stops what it has started', async (t) => {
  const [port, epmdPort] = [await freePorts(3), await freePort()];
  const other = createServer().listen(port + 1, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { code, stderr } = await checkout.run(`node dist/lib/cluster/main.js --port ${port}`, {
    env: { ERL_EPMD_PORT: String(epmdPort) },
  });
  t.equal(code, 1);
  t.match(stderr, 'cannot start: node2@127.0.0.1 has ended with exit code 1:');
  t.match(stderr, `127.0.0.1:${port + 1}: another program listens there`);
  await nothingLeft(t, [], [port, port + 2, epmdPort]);
});

/** The processes in the table that a cluster prints when it is up. */
async function pidsOf(cluster: Command, count: number): Promise<number[]> {
  await cluster.expect(/Ctrl-C stops all nodes/);
  const pids = [...cluster.stdout.matchAll(/http:\S+ +(\d+)$/gm)].map(([, pid]) => Number(pid));
  if (pids.length !== count) throw new Error(`expected ${count} pids, got ${pids}`);
  return pids;
}
