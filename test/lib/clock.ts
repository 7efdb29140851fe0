import t from 'tap';
import { systemClock } from '../../lib/clock.ts';

t.test('time does not go back', async (t) => {
  const before = systemClock.now();
  t.ok(systemClock.now() >= before);
});

t.test('a timer fires once, not synchronously, unless it is cancelled', async (t) => {
  const fired: string[] = [];
  const cancel = systemClock.setTimer(0, () => fired.push('cancelled'));
  cancel();
  await new Promise<void>((resolve) => {
    systemClock.setTimer(1, () => {
      fired.push('kept');
      resolve();
    });
    t.same(fired, []);
  });
  t.same(fired, ['kept']);
  cancel();
});

t.test('a timer for longer than Node can count does not fire at once', async (t) => {
  const cancel = systemClock.setTimer(Number.MAX_SAFE_INTEGER, () => t.fail('fired'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  cancel();
});
