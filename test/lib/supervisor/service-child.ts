import { test } from 'tap';
import { serviceChild } from '../../../lib/supervisor/service-child.ts';

test('a service ends when it is asked to, once it has released everything', async (t) => {
  const order: string[] = [];
  const child = serviceChild(async () => {
    await Promise.resolve();
    order.push('released');
  });
  void child.exited.then(() => order.push('exited'));
  child.shutdown();
  child.shutdown();
  t.strictSame(await child.exited, { type: 'shutdown' });
  t.strictSame(order, ['released', 'exited'], 'stopped once');
});

test('a stop that fails is the reason of the end', async (t) => {
  const error = new Error('full');
  const child = serviceChild(() => {
    throw error;
  });
  child.shutdown();
  t.strictSame(await child.exited, { type: 'error', error });
});

test('a kill does not wait for a stop that hangs', async (t) => {
  const child = serviceChild(() => new Promise(() => {}));
  child.shutdown();
  child.kill();
  t.strictSame(await child.exited, { type: 'killed' });
});
