/** Ticks: an idle connection with a live erl lasts, a frozen peer is noticed, on either side. */
import t from 'tap';
import { startCluster } from '../support/interop.ts';
import { erlangPeer, until } from '../support/peers.ts';
import { startProgram } from '../support/program.ts';

// Copied for each test, because tap adds to the options that it is given.
const erlang = { skip: erlangPeer.skip, buffered: true };
t.jobs = 4;

/** Erlang rounds `net_ticktime` to seconds; 4 is the least it takes with intensity 4. */
const TICK_TIME_MS = 4_000;
const TICKING = ['-kernel', 'net_ticktime', '4'];
const FAST = { limits: { netTickTimeMs: TICK_TIME_MS } };

t.test('an idle connection lasts', { ...erlang }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([
    cluster.node('ours', FAST),
    cluster.erl('erl', { args: TICKING }),
  ]);
  await node.connect(erl);
  await erl.evalUntil('nodes()', `['${node.name}']`);
  await erl.eval('net_kernel:monitor_nodes(true)');
  // Silence cannot be waited for by an event: this is more than two tick times of it.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  t.equal(await erl.eval('nodes()'), `['${node.name}']`);
  t.equal(await erl.eval('element(2, process_info(self(), messages))'), '[]');
  t.strictSame(node.history(erl), ['nodeup']);
  t.notMatch(erl.log, /error/i);
});

t.test('an idle connection lasts while only one side sends', { ...erlang }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([
    cluster.node('ours', FAST),
    cluster.erl('erl', { args: TICKING }),
  ]);
  await node.connect(erl);
  const sender = node.actor();
  const timer = setInterval(() => sender.send({ name: 'nobody', node: erl.name }, 1), 200);
  t.teardown(() => clearInterval(timer));
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  t.strictSame(node.history(erl), ['nodeup']);
  t.equal(await erl.eval('nodes()'), `['${node.name}']`);
});

t.test('a frozen erl is noticed within the tick time', { ...erlang }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours', FAST), cluster.erl('erl')]);
  const watcher = node.actor();
  await node.connect(erl);
  watcher.monitor({ name: 'init', node: erl.name });
  await erl.eval('erlang:node()');
  const frozenAt = performance.now();
  erl.signal('SIGSTOP');
  t.teardown(() => erl.signal('SIGCONT'));
  await until(() => !node.local.isConnected(erl.name), { timeoutMs: TICK_TIME_MS * 2 });
  const elapsedMs = performance.now() - frozenAt;
  t.ok(
    elapsedMs > TICK_TIME_MS * 0.7 && elapsedMs < TICK_TIME_MS * 1.5,
    `noticed after ${Math.round(elapsedMs)} ms`,
  );
  t.strictSame(node.history(erl), ['nodeup', 'nodedown net_tick_timeout']);
  t.ok(await watcher.receive({ timeoutMs: 100 }), 'the monitor has fired');

  erl.signal('SIGCONT');
  await erl.evalUntil('nodes()', '[]');
  t.equal(await node.local.connect(erl.name), true, 'once it is awake it can be reached again');
  t.equal(await erl.eval('nodes()'), `['${node.name}']`);
});

t.test('a frozen node of ours is noticed by erl, and finds back', { ...erlang }, async (t) => {
  const cluster = await startCluster(t, 'net-tick');
  const erl = await cluster.erl('erl', { args: TICKING });
  const name = 'ours@127.0.0.1';
  const env = {
    ...{ NODE_NAME: name, ERLANG_COOKIE: cluster.cookie },
    ERL_EPMD_PORT: String(cluster.epmdPort),
  };
  const program = await startProgram({ env });
  t.teardown(() => program.kill('SIGKILL'));
  await erl.evalUntil('nodes()', `['${name}']`);
  program.child.kill('SIGSTOP');
  await erl.evalUntil('nodes()', '[]', { withinMs: TICK_TIME_MS * 2 });
  program.child.kill('SIGCONT');
  await until(() => /"peer":"erl@.*"msg":"nodedown"/.test(program.log()), {
    what: () => `it notices:\n${program.log()}`,
  });
  await erl.evalUntil('nodes()', `['${name}']`);
  t.equal(await erl.eval(`net_adm:ping('${name}')`), 'pong');
  t.equal(await program.kill('SIGTERM'), 0);
  t.match(erl.log, `** Node '${name}' not responding **`);
});
