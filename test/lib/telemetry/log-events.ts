import t from 'tap';
import { LOG_EVENTS } from '../../../lib/telemetry/log-events.ts';
import type { Metadata } from '../../../lib/telemetry/telemetry.ts';

function level(event: string, metadata: Metadata): string | undefined {
  const found = LOG_EVENTS.find((logEvent) => logEvent.event === event)?.level;
  return typeof found === 'function' ? found(metadata) : found;
}

t.test('each event is listed once, with words for it', async (t) => {
  t.equal(new Set(LOG_EVENTS.map(({ event }) => event)).size, LOG_EVENTS.length);
  for (const { event, message } of LOG_EVENTS) t.match(message, /^[a-z]/, event);
});

t.test('an exit is an error if something failed or has to be restarted', async (t) => {
  const exited = (type: string, willRestart: boolean) =>
    level('supervisor.child.exited', { reason: { type }, willRestart });
  t.equal(exited('normal', false), 'info');
  t.equal(exited('shutdown', false), 'info');
  t.equal(exited('normal', true), 'error');
  t.equal(exited('error', false), 'error');
  t.equal(exited('killed', false), 'error');
  t.equal(level('supervisor.child.exited', {}), 'info');
});

t.test('a stop is worth a warning if it was not orderly', async (t) => {
  const stopped = (metadata: Metadata) =>
    level('supervisor.child.stopped', { timedOut: false, errors: [], ...metadata });
  t.equal(stopped({ outcome: 'exited', reason: { type: 'shutdown' } }), 'debug');
  t.equal(stopped({ outcome: 'killed', reason: { type: 'killed' } }), 'debug', 'brutal_kill');
  t.equal(stopped({ outcome: 'killed', reason: { type: 'killed' }, timedOut: true }), 'warn');
  t.equal(stopped({ outcome: 'exited', reason: { type: 'error' } }), 'warn');
  t.equal(stopped({ outcome: 'killed', errors: [new Error('no')] }), 'warn');
  t.equal(stopped({ outcome: 'killed', reason: { type: 'error' } }), 'warn', 'had crashed');
  t.equal(stopped({ outcome: 'abandoned' }), 'error');
});

t.test('dialling in vain is worth one warning', async (t) => {
  t.equal(level('cluster.dial_failed', { failures: 1 }), 'warn');
  t.equal(level('cluster.dial_failed', { failures: 2 }), 'debug');
  t.equal(level('cluster.dial_failed', {}), 'warn');
  t.equal(level('cluster.dial_failed', { failures: 1, oneOfMany: true }), 'debug');
  t.equal(level('cluster.dials_failed', { count: 95 }), 'warn');
});

t.test('what the live page does not understand is worth one warning in a row', async (t) => {
  t.equal(level('live.message.refused', { refusals: 1 }), 'warn');
  t.equal(level('live.message.refused', { refusals: 2 }), 'debug');
  t.equal(level('live.count.unread', {}), 'warn');
});

t.test('probes are lines only when looking closer, unless something is wrong', async (t) => {
  const request = (route: string, status: number) => level('http.request.stop', { route, status });
  for (const route of ['/health', '/ready', '/metrics']) {
    t.equal(request(route, 200), 'debug', route);
    t.equal(request(route, 500), 'error', route);
    t.equal(request(route, 401), 'info', route);
  }
  t.equal(request('/ready', 503), 'debug');
  t.equal(request('/counter', 503), 'warn');
  t.equal(request('/counter', 200), 'info');
});
