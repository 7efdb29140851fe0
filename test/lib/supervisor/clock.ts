import t from 'tap';
import { systemClock } from '../../../lib/supervisor/clock.ts';

t.test('the system clock goes forward and runs a function once', async (t) => {
  const before = systemClock.now();
  await new Promise<void>((resolve) => systemClock.after(1, resolve));
  t.ok(systemClock.now() > before);
});

t.test('a cancelled timer does not fire', async (t) => {
  const cancel = systemClock.after(0, () => t.fail('fired'));
  cancel();
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
});
