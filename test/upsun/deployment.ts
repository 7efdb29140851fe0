/**
 * Whether the commands of `.upsun/config.yaml` do what the platform expects of them: in a copy of the sources,
 * with its environment, and a tree that is read-only once it is built. Packages come from wherever npm gets
 * them on this machine.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectCookie } from '../../lib/project-cookie.ts';
import { Deployment, deploymentSkip, ENTROPY, PUBLIC_URL } from '../support/deployment.ts';
import { freePort } from '../support/free-ports.ts';
import { readUpsunConfig, withWorkers } from '../support/upsun.ts';

// It installs every package, as fast as the network is.
t.setTimeout(600_000);

t.test('the file builds and starts the service', { skip: deploymentSkip }, async (t) => {
  const deployment = new Deployment();
  t.teardown(() => deployment.remove());

  const build = await deployment.build();
  if (/E(NOTFOUND|AI_AGAIN|CONNREFUSED|TIMEDOUT)/.test(build.stderr) && process.env.CI !== 'true') {
    t.pass('no registry for npm within reach', { skip: true });
    return;
  }
  t.equal(build.code, 0, `${build.stdout}${build.stderr}`);
  for (const name of ['typescript', 'tap', 'ajv']) {
    t.notOk(existsSync(join(deployment.app, 'node_modules', name)), `${name} is pruned`);
  }

  const port = await freePort();
  const files = deployment.files();
  const instance = deployment.start(port, {
    hostname: 'hello_distributed.0',
    run: {
      'peers.json': '{"hello_distributed.0":"127.0.0.1"}',
      'config.json': '{"info":{"limits":{"cpu":0.1,"memory":352}}}',
    },
    // The platform's own port mapper port may be another's on this machine.
    env: {
      ERL_EPMD_PORT: String(await freePort()),
      DASHBOARD_USER: 'operator',
      DASHBOARD_PASSWORD: 'a long password',
    },
  });

  // The platform runs it right after the start, and before anything is there to answer.
  const postStart = await deployment.runBeside(deployment.config.postStart);
  t.equal(postStart.code, 0, postStart.stderr + instance.stdout);
  const started = await instance.expect(/^.*"msg":"started".*$/m);
  const { heapLimitMb, ...line } = JSON.parse(started[0]) as { heapLimitMb: number };
  t.match(line, { publicUrl: PUBLIC_URL });
  t.ok(heapLimitMb < 352, `${heapLimitMb} MB of heap fit the container`);

  const node = 'hello_distributed@127.0.0.1';
  const url = `http://127.0.0.1:${port}`;
  const nodes = await fetch(`${url}/nodes`);
  t.match(await nodes.json(), { current_node: node, total_nodes: 1 });
  const incremented = await fetch(`${url}/counter/increment`, { method: 'POST' });
  t.match(await incremented.json(), { count: 1, node });

  // The worker of the file's comment, told that the public address is here.
  const routes = { [`${url}/`]: { primary: true, type: 'upstream' } };
  const worker = deployment.start(port, {
    ...{ hostname: 'hello_distributed--watcher.0', run: {} },
    command: readUpsunConfig(withWorkers()).workers.watcher ?? '',
    env: {
      ENABLE_DISTRIBUTION: 'false',
      PLATFORM_ROUTES: Buffer.from(JSON.stringify(routes)).toString('base64'),
    },
  });
  t.match(JSON.parse((await worker.expect(/^.*"msg":"seen".*$/m))[0]), { node, count: '1' });
  process.kill(worker.pid, 'SIGTERM');
  t.equal(await worker.exited, 0, worker.stdout + worker.stderr);

  // All of the page is there, though nothing of it is compiled and the packages are pruned.
  t.equal((await fetch(`${url}/dashboard`)).status, 401);
  const authorization = `Basic ${btoa('operator:a long password')}`;
  const page = await fetch(`${url}/dashboard`, { headers: { authorization } });
  const named = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)];
  t.ok(named.length >= 5);
  for (const [, address] of named) {
    const file = await fetch(`${url}${address}`, { headers: { authorization } });
    t.equal(file.status, 200, `${address}`);
    t.ok((await file.arrayBuffer()).byteLength > 0);
  }

  // To the one process that the start command has become: no shell or npm in between answers for it.
  process.kill(instance.pid, 'SIGTERM');
  t.equal(await instance.exited, 0, instance.stdout + instance.stderr);
  t.match(instance.stdout, /"msg":"stopped"/);
  t.equal(instance.stderr, '');
  t.notMatch(instance.stdout, ENTROPY);
  t.notMatch(instance.stdout, projectCookie(ENTROPY));
  t.strictSame(deployment.files(), files, 'nothing was written into the tree');
});
