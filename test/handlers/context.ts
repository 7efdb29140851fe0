import t from 'tap';
import { createContext } from '../../handlers/context.ts';
import { fakeContext } from '../support/handler-context.ts';
import { fakeScope } from '../support/request-scope.ts';

t.test('offers the services, and makes no signal before it is asked for', async (t) => {
  const services = fakeContext();
  const { signal } = new AbortController();
  let asked = 0;
  const scope = fakeScope({
    requestId: 'abc',
    remoteAddress: '192.0.2.1',
    isGone: true,
    header: (name) => `the ${name}`,
  });
  Object.defineProperty(scope, 'signal', {
    get() {
      asked += 1;
      return signal;
    },
  });
  const context = createContext(services, scope);
  t.equal(context.node, services.node);
  t.equal(context.counter, services.counter);
  t.equal(context.readiness, services.readiness);
  t.equal(context.metrics, services.metrics);
  t.equal(context.access, services.access);
  t.equal(context.live, services.live);
  t.equal(context.assets, services.assets);
  t.equal(context.timestamp(), services.timestamp());
  t.equal(context.requestId, 'abc');
  t.equal(context.remoteAddress, '192.0.2.1');
  t.equal(context.isGone, true);
  t.equal(context.header('accept'), 'the accept');
  t.equal(asked, 0);
  t.equal(context.signal, signal);
});
