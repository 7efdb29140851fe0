/** The command against real instances behind a router that asks them in turn, over HTTP and HTTPS. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, request as forward, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../../support/free-ports.ts';
import { type Program, startProgram } from '../../support/program.ts';
import { until } from '../../support/until.ts';

const MAIN = fileURLToPath(new URL('../../../lib/check/main.ts', import.meta.url));

/** Runs the command to its end. */
function check(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['--import=tsx', MAIN, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Sends each request to the next of the programs. */
function inTurn(programs: readonly Program[]): RequestListener {
  let turn = 0;
  return (incoming, outgoing) => {
    const { url = '' } = programs[turn++ % programs.length] ?? {};
    const { method, headers } = incoming;
    const onward = forward(`${url}${incoming.url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  };
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

t.test('a cluster of three passes, over HTTP and over HTTPS', async (t) => {
  const env = { ERL_EPMD_PORT: String(await freePort()), ERLANG_COOKIE: 'check-of-a-deployment' };
  const programs: Program[] = [];
  t.teardown(() => Promise.all(programs.map((program) => program.kill('SIGKILL'))));
  for (const name of ['one', 'two', 'three']) {
    programs.push(await startProgram({ env: { ...env, NODE_NAME: `${name}@127.0.0.1` } }));
  }
  await until(
    async () => {
      const answers = await Promise.all(programs.map(({ url }) => fetch(`${url}/nodes`)));
      const views = await Promise.all(answers.map((answer) => answer.json()));
      return views.every((view) => (view as { total_nodes: number }).total_nodes === 3);
    },
    { timeoutMs: 30_000, what: 'three nodes that see each other' },
  );
  const router = inTurn(programs);
  const port = await listen(t, createServer(router));
  const plain = await check([`http://127.0.0.1:${port}/`, '--instances', '3']);
  t.equal(plain.code, 0, plain.output);
  t.match(plain.output, /ok {4}3 instances answer: one@127\.0\.0\.1, three@.*, two@/);
  t.match(
    plain.output,
    /ok {4}50 increments move the counter by 50: from 0 to 50, answered by one@/,
  );

  const four = await check([`http://127.0.0.1:${port}`, '--instances', '4', '--increments', '1']);
  t.equal(four.code, 1, four.output);
  t.match(
    four.output,
    /FAIL {2}4 instances answer: expected answers of 4 instances, got those of 3/,
  );

  const dir = t.testdir({});
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
      .concat(['-addext', 'subjectAltName=DNS:localhost', '-keyout', `${dir}/key`])
      .concat(['-out', `${dir}/cert`]),
    { stdio: 'ignore' },
  );
  const tls = createTlsServer(
    { key: readFileSync(`${dir}/key`), cert: readFileSync(`${dir}/cert`) },
    router,
  );
  const url = `https://localhost:${await listen(t, tls)}`;
  const secure = await check([url, '--instances', '3'], { NODE_EXTRA_CA_CERTS: `${dir}/cert` });
  t.equal(secure.code, 0, secure.output);
  const distrusted = await check([url]);
  t.equal(distrusted.code, 1);
  t.match(distrusted.output, /no answer: .*certificate/);
});

t.test('nobody there, nothing asked, help', async (t) => {
  const gone = await check([`http://127.0.0.1:${await freePort()}`]);
  t.equal(gone.code, 1);
  t.match(gone.output, /no answer: .*ECONNREFUSED/);
  const nothing = await check([]);
  t.equal(nothing.code, 2);
  t.match(nothing.output, /expected the address of a deployment first/);
  t.match(nothing.output, /npm run lint/);
  const help = await check(['--help']);
  t.equal(help.code, 0);
  t.match(help.output, 'Usage: npm run check -- URL [flags]');
});
