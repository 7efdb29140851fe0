import t from 'tap';
import { hasHeapFlags, heapFlags, memoryLimitMb } from '../../lib/heap-limit.ts';

t.test('reads how much memory the container has', async (t) => {
  const text = JSON.stringify({ info: { name: 'x', limits: { cpu: 0.1, memory: 352 } }, more: [] });
  t.equal(memoryLimitMb(text), 352);
});

t.test('what does not say it sets no limit', async (t) => {
  for (const text of [
    ...['', '{', 'null', '[]', '1', '{}', '{"info":null}', '{"info":{"limits":[]}}'],
    ...['"352"', '0', '-1', '1.5', 'null', '{}', '1e400', '1e300', '1e20'].map(
      (memory) => `{"info":{"limits":{"memory":${memory}}}}`,
    ),
  ]) {
    t.equal(memoryLimitMb(text), undefined, text);
  }
});

t.test('the heap leaves room for all that is not heap', async (t) => {
  t.strictSame(
    [64, 128, 224, 352, 640, 1088].map((mb) => heapFlags(mb).join(' ')),
    [
      '--max-old-space-size=32 --max-semi-space-size=1',
      '--max-old-space-size=42 --max-semi-space-size=1',
      '--max-old-space-size=114 --max-semi-space-size=1',
      '--max-old-space-size=210 --max-semi-space-size=4',
      '--max-old-space-size=426 --max-semi-space-size=16',
      '--max-old-space-size=762 --max-semi-space-size=16',
    ],
  );
});

t.test('a limit that somebody has set is left alone', async (t) => {
  t.ok(hasHeapFlags(heapFlags(128), undefined), 'our own');
  t.ok(hasHeapFlags([], '--trace-warnings --max_old_space_size=100'));
  t.ok(hasHeapFlags(['--max-heap-size=100'], ''));
  t.ok(hasHeapFlags([], '--max-old-space-size-percentage=50'));
  t.ok(
    hasHeapFlags([], '--no-warnings "--max-old-space-size=100"'),
    'in quotes, as Node.js allows',
  );
  t.notOk(hasHeapFlags([], undefined));
  t.notOk(hasHeapFlags(['--max-old-space-size-x=1', '--import=tsx'], '--max-semi-space-size=1'));
});
