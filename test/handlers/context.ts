import t from 'tap';
import { createContext } from '../../handlers/context.ts';
import { fakeContext } from '../support/handler-context.ts';

t.test('offers the services, and makes no signal before it is asked for', async (t) => {
  const services = fakeContext();
  const { signal } = new AbortController();
  let asked = 0;
  const context = createContext(services, {
    requestId: 'abc',
    get signal() {
      asked += 1;
      return signal;
    },
    matched() {},
    failed() {},
  });
  t.equal(context.node, services.node);
  t.equal(context.counter, services.counter);
  t.equal(context.now(), services.now());
  t.equal(context.requestId, 'abc');
  t.equal(asked, 0);
  t.equal(context.signal, signal);
});
