import t from 'tap';
import { IsoTime } from '../../../lib/telemetry/iso-time.ts';

t.test('the text is that of a date, whatever the time and the one before', async (t) => {
  let now = 0;
  const time = new IsoTime(() => now);
  const day = Date.UTC(2026, 0, 31, 23, 59, 59, 0);
  for (now of [0, 7, 999, 1000, day, day + 12, day + 999, day + 1000, day, -1, -1000, 8.64e15]) {
    t.equal(time.text(), new Date(now).toISOString());
    t.equal(time.text(), new Date(now).toISOString());
  }
});

t.test('it is now where nothing else is said', async (t) => {
  const before = Date.now();
  const text = new IsoTime().text();
  t.ok(Date.parse(text) >= before && Date.parse(text) <= Date.now());
});
