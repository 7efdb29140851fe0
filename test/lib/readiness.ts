import t from 'tap';
import { COUNTER_TIMEOUT_MS, Readiness } from '../../lib/readiness.ts';

const UP = { isDistributed: true, tcpPort: 4370 };
const reachable = { get: async () => 0 };

function joined(options: Partial<ConstructorParameters<typeof Readiness>[0]> = {}) {
  const readiness = new Readiness({ local: UP, counter: reachable, ...options });
  readiness.joined();
  return readiness;
}

t.test('is ready when every check passes', async (t) => {
  t.strictSame(await joined().check(), {
    ready: true,
    checks: { http: 'up', distribution: 'up', cluster: 'joined', counter: 'reachable' },
  });
});

t.test('a node without a name needs no distribution', async (t) => {
  const readiness = joined({ local: { isDistributed: false, tcpPort: 0 } });
  t.match(await readiness.check(), { ready: true, checks: { distribution: 'off' } });
});

t.test('a node that no other one can connect with is not ready', async (t) => {
  const readiness = joined({ local: { isDistributed: true, tcpPort: 0 } });
  t.match(await readiness.check(), {
    ready: false,
    checks: { distribution: 'down', counter: 'not_asked' },
  });
});

t.test('is not ready before it has joined, nor while it joins again', async (t) => {
  const readiness = new Readiness({ local: UP, counter: reachable });
  const joining = { ready: false, checks: { cluster: 'joining', counter: 'not_asked' } };
  t.match(await readiness.check(), joining);
  readiness.joined();
  t.match(await readiness.check(), { ready: true });
  readiness.joining();
  t.match(await readiness.check(), joining);
});

t.test('a counter that fails is unreachable, and is asked within its time', async (t) => {
  const timeouts: number[] = [];
  const counter = {
    get: ({ timeoutMs }: { readonly timeoutMs: number }) => {
      timeouts.push(timeoutMs);
      return Promise.reject(new Error('no owner'));
    },
  };
  t.match(await joined({ counter }).check(), {
    ready: false,
    checks: { http: 'up', counter: 'unreachable' },
  });
  t.strictSame(timeouts, [COUNTER_TIMEOUT_MS]);
});

t.test('however many ask at once, the counter is asked once; later it is asked anew', async (t) => {
  let asked = 0;
  const counter = {
    get: async () => {
      asked += 1;
    },
  };
  const readiness = joined({ counter });
  const reports = await Promise.all(Array.from({ length: 50 }, () => readiness.check()));
  t.ok(reports.every(({ ready }) => ready));
  t.equal(asked, 1);
  await readiness.check();
  t.equal(asked, 2);
});

t.test('a node that stops is not ready from then on, also for those who are waiting', async (t) => {
  let answer: () => void = () => undefined;
  const counter = {
    get: () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      }),
  };
  const readiness = joined({ counter });
  const waiting = readiness.check();
  readiness.stopping();
  answer();
  const stopping = { ready: false, checks: { http: 'stopping' } };
  t.match(await waiting, stopping);
  t.match(await readiness.check(), stopping);
});
