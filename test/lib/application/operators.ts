import { networkInterfaces } from 'node:os';
import { test } from 'tap';
import { attachLogger, createLogger } from '../../../lib/telemetry/logger.ts';
import type { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { json, start } from '../../support/applications.ts';
import { freePort } from '../../support/free-ports.ts';
import { lintMetrics, parseMetrics, seriesValue } from '../../support/prometheus-text.ts';
import { until } from '../../support/until.ts';

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
