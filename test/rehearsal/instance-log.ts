import t from 'tap';
import { InstanceLog } from '../support/rehearsal/instance-log.ts';

const request = (status: number): string =>
  `{"level":"info","event":"http.request.stop","status":${status},"msg":"request"}`;
const owner = (event: string, second: string): string =>
  `{"level":"info","time":"2026-01-31T12:00:${second}.000Z","event":"counter.owner.${event}","msg":"…"}`;

t.test('lines are put together from pieces, and kept', async (t) => {
  const log = new InstanceLog();
  t.strictSame(log.add('fir'), []);
  t.strictSame(log.add('st\nsecond\nth'), ['first', 'second']);
  t.equal(log.tail(), 'first\nsecond');
  log.end();
  t.equal(log.tail(2), 'second\nth');
});

t.test('of requests only those with a 5xx stay', async (t) => {
  const log = new InstanceLog();
  log.add(`${request(200)}\n${request(503)}\n${request(404)}\n`);
  t.equal(log.tail(), request(503));
  t.strictSame(log.serverErrors, [request(503)]);
});

t.test('it knows what was said last about the owner', async (t) => {
  const log = new InstanceLog();
  t.equal(log.ownerEvent, undefined);
  log.add(`${owner('taken_over', '01')}\nanything\n${owner('handed_over', '02')}\n`);
  t.strictSame(log.ownerEvent, {
    event: 'handed_over',
    atMs: Date.parse('2026-01-31T12:00:02.000Z'),
  });
});
