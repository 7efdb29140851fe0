import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { type Test, test } from 'tap';
import { ConfigError } from '../../lib/config.ts';
import { COUNTER_NAME } from '../../lib/counter.ts';
import { type Running, runUntilStopped, start, startProblem } from '../../lib/run.ts';

// This file has a process of its own, so these settings reach nobody else.
for (const name of [
  'NODE_NAME',
  'ERLANG_COOKIE',
  'CONNECT_NODES',
  'NODE_ENV',
  'LOG_LEVEL',
  'LOG_FORMAT',
]) {
  delete process.env[name];
}
process.env.PORT = '0';
process.env.HOST = '127.0.0.1';
process.env.ENABLE_DISTRIBUTION = 'false';

interface Line {
  readonly level: string;
  readonly msg: string;
}

async function startWithLog(t: Test): Promise<{ running: Running; lines: Line[] }> {
  const lines: Line[] = [];
  const running = await start({ logTo: { write: (line) => lines.push(JSON.parse(line) as Line) } });
  t.teardown(() => running.application.stop());
  return { running, lines };
}

test('a start logs where it serves', async (t) => {
  const { running, lines } = await startWithLog(t);
  const { url } = running.application;
  t.match(lines.at(-1), { level: 'info', msg: 'started', url, node: 'nonode@nohost' });
  t.equal((await fetch(`${url}/`)).status, 200);
});

test('whoever is to listen for signals is called before the start is made known', async (t) => {
  const lines: string[] = [];
  const before: string[][] = [];
  const running = await start({
    logTo: { write: (line) => lines.push((JSON.parse(line) as Line).msg) },
    beforeNotice: () => before.push([...lines]),
  });
  t.teardown(() => running.application.stop());
  t.equal(before.length, 1);
  t.notOk(before[0]?.includes('started'));
  t.equal(lines.at(-1), 'started');
});

test('a signal ends it in order, with 0', async (t) => {
  const { running, lines } = await startWithLog(t);
  const listeners = process.listenerCount('SIGUSR2');
  const code = runUntilStopped(running, ['SIGUSR2']);
  process.kill(process.pid, 'SIGUSR2');
  t.equal(await code, 0);
  t.match(lines.at(-1), { level: 'info', msg: 'stopped' });
  t.equal(process.listenerCount('SIGUSR2'), listeners, 'nobody listens any longer');
  await t.rejects(fetch(`${running.application.url}/`));
});

test('a tree that gives up ends it with 1, and says why', async (t) => {
  const { running, lines } = await startWithLog(t);
  const { counter, node } = running.application;
  const code = runUntilStopped(running, ['SIGUSR2']);
  for (let deaths = 0; deaths < 4; deaths += 1) {
    await counter.get();
    const owner = node.global.whereisName(COUNTER_NAME);
    if (owner !== undefined) node.local.processes.get(owner)?.crash(new Error('boom'));
  }
  t.equal(await code, 1);
  t.match(lines.at(-1), { level: 'fatal', reason: /counter/ });
});

test('a start that fails is told in one line, with the causes that say more', async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as AddressInfo;
  process.env.PORT = String(port);
  t.teardown(() => {
    process.env.PORT = '0';
  });
  const error: unknown = await startWithLog(t).catch((reason: unknown) => reason);
  const problem = startProblem(error);
  t.match(problem, /^cannot start: /);
  t.match(problem, new RegExp(`endpoint.*127\\.0\\.0\\.1:${port}`));
});

test('a problem is not told twice', async (t) => {
  const cause = new Error('the disk is full');
  t.equal(
    startProblem(new Error('cannot write: the disk is full', { cause })),
    'cannot start: cannot write: the disk is full',
  );
  t.equal(
    startProblem(new Error('cannot write', { cause })),
    'cannot start: cannot write: the disk is full',
  );
  t.match(startProblem(new ConfigError(['PORT: wrong'])), /PORT: wrong/);
  t.equal(startProblem('a text'), 'a text');
});
