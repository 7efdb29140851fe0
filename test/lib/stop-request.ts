import { EventEmitter } from 'node:events';
import t from 'tap';
import {
  onStopRequest,
  REPEAT_AFTER_MS,
  type StopRequest,
  type StopRequestOptions,
} from '../../lib/stop-request.ts';

class FakeProcess extends EventEmitter {
  connected = true;
}

function listen(options: StopRequestOptions = {}) {
  const source = new FakeProcess();
  const clock = { nowMs: 0 };
  const requests: StopRequest[] = [];
  const end = onStopRequest((request) => requests.push(request), {
    source,
    now: () => clock.nowMs,
    ...options,
  });
  return { source, clock, requests, end };
}

t.test('the same Ctrl-C that comes twice is one request', async (t) => {
  const { source, clock, requests } = listen();
  source.emit('SIGINT', 'SIGINT');
  clock.nowMs = REPEAT_AFTER_MS;
  source.emit('SIGINT', 'SIGINT');
  t.strictSame(requests, [{ cause: 'SIGINT', urgent: false }]);
});

t.test('a later signal is urgent, whichever it is', async (t) => {
  const { source, clock, requests } = listen();
  source.emit('SIGINT', 'SIGINT');
  clock.nowMs = REPEAT_AFTER_MS + 1;
  source.emit('SIGTERM', 'SIGTERM');
  t.strictSame(requests[1], { cause: 'SIGTERM', urgent: true });
});

t.test('the end of the parent counts when asked for, and never insists', async (t) => {
  const { source, clock, requests } = listen({ withParent: true });
  source.emit('disconnect');
  clock.nowMs = REPEAT_AFTER_MS + 1;
  source.emit('disconnect');
  t.strictSame(requests, [{ cause: 'parent_gone', urgent: false }]);

  const other = listen();
  other.source.emit('disconnect');
  t.strictSame(other.requests, []);
});

t.test('a parent that is gone already is noticed', async (t) => {
  const source = new FakeProcess();
  source.connected = false;
  const { requests } = listen({ withParent: true, source });
  t.strictSame(requests, [{ cause: 'parent_gone', urgent: false }]);
});

t.test('listens for a service manager, Ctrl-C and a terminal that is closed', async (t) => {
  const { source, requests, end } = listen();
  t.strictSame(source.eventNames(), ['SIGTERM', 'SIGINT', 'SIGHUP']);
  source.emit('SIGHUP', 'SIGHUP');
  t.strictSame(requests, [{ cause: 'SIGHUP', urgent: false }]);
  end();
});

t.test('leaves no listeners behind', async (t) => {
  const { source, end } = listen({ withParent: true, signals: ['SIGHUP', 'SIGINT'] });
  t.strictSame(source.eventNames(), ['SIGHUP', 'SIGINT', 'disconnect']);
  end();
  t.strictSame(source.eventNames(), []);
});
