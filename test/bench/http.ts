/**
 * What the HTTP edge costs: processor time of the server per request, and requests per second.
 *
 *     node --import tsx test/bench/http.ts [seconds per variant]
 *
 * The load comes from a second process over keep-alive connections, each with one request under way. It
 * writes fixed bytes and counts responses by their length, so that the client is never the bottleneck.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createContext, errorResponses, routes } from '../../handlers/index.ts';
import { json } from '../../handlers/responses.ts';
import { type RequestHandler, toResponse } from '../../lib/http/messages.ts';
import { createRouter } from '../../lib/http/router.ts';
import { HttpServer } from '../../lib/http/server.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { fakeContext } from '../support/handler-context.ts';
import { setUpMetrics } from '../support/metrics-under-test.ts';

const CONNECTIONS = 32;
const REQUEST =
  'GET /counter HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n';
const BODY = '{"count":0,"node":"node1@127.0.0.1"}';

const services = fakeContext();
const router = createRouter({
  routes,
  errors: errorResponses,
  createContext: (scope) => createContext(services, scope),
});

interface Variant {
  readonly name: string;
  readonly start: () => Promise<{ tcpPort: number; stop: () => Promise<void> }>;
}

const variants: readonly Variant[] = [
  { name: 'bare node:http, fixed answer', start: startBare },
  { name: 'the service: GET /counter', start: () => startOurs(router) },
  {
    name: 'the same, and a telemetry handler of every event',
    start: () => startOurs(router, (telemetry) => telemetry.attach('all', '*', () => undefined)),
  },
  {
    name: 'the service, and its metrics',
    start: () => startOurs(router, (telemetry) => setUpMetrics({ telemetry })),
  },
  {
    name: 'adapter alone, plain response',
    start: () => startOurs(() => json({ count: 0, node: 'node1@127.0.0.1' })),
  },
  {
    name: 'adapter alone, standard Response',
    start: () => startOurs(() => toResponse(json({ count: 0, node: 'node1@127.0.0.1' }))),
  },
  {
    name: 'the service, with a standard Request for each call',
    start: () =>
      startOurs((request, scope) =>
        router(
          new Request(request.url, { method: request.method, headers: request.headers }),
          scope,
        ),
      ),
  },
];

async function startOurs(handle: RequestHandler, attach?: (telemetry: Telemetry) => void) {
  const telemetry = new Telemetry();
  attach?.(telemetry);
  const options = { host: '127.0.0.1', tcpPort: 0, handle, errors: errorResponses, telemetry };
  const server = await HttpServer.start(options);
  return { tcpPort: server.address.tcpPort, stop: () => server.stop() };
}

async function startBare() {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
    response.end(BODY);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { tcpPort: port, stop };
}

/** Runs in the second process: keeps every connection busy, and gives the number of responses. */
async function load(tcpPort: number, durationMs: number): Promise<number> {
  const length = await responseLength(tcpPort);
  let responses = 0;
  const deadline = performance.now() + durationMs;
  const connections = Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(tcpPort, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    let pending = length;
    socket.on('data', (chunk) => {
      pending -= chunk.length;
      if (pending > 0) return;
      responses += 1;
      pending = length;
      if (performance.now() < deadline) socket.write(REQUEST);
      else socket.end();
    });
    socket.write(REQUEST);
    await new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.all(connections);
  return responses;
}

async function responseLength(tcpPort: number): Promise<number> {
  const socket = connect(tcpPort, '127.0.0.1').setEncoding('latin1');
  socket.write(REQUEST);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.endsWith('}') || text.endsWith('\r\n0\r\n\r\n')) break;
  }
  return text.length;
}

function loadElsewhere(tcpPort: number, durationMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL(import.meta.url), ['load', String(tcpPort), String(durationMs)]);
    child.once('message', (responses) => resolve(Number(responses)));
    child.once('error', reject);
  });
}

async function measure({ name, start }: Variant, durationMs: number): Promise<void> {
  const { tcpPort, stop } = await start();
  await loadElsewhere(tcpPort, 1000);
  const before = process.cpuUsage();
  const responses = await loadElsewhere(tcpPort, durationMs);
  const { user, system } = process.cpuUsage(before);
  await stop();
  const perSecond = Math.round(responses / (durationMs / 1000));
  const microseconds = ((user + system) / responses).toFixed(1);
  console.log(
    `${name.padEnd(52)} ${String(perSecond).padStart(7)}/s ${microseconds.padStart(7)} µs`,
  );
}

const [first, second, third] = process.argv.slice(2);
if (first === 'load') {
  process.send?.(await load(Number(second), Number(third)));
  process.disconnect();
} else {
  for (const variant of variants) await measure(variant, Number(first ?? 5) * 1000);
}
