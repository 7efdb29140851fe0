import t from 'tap';
import { ResponseHeads } from '../../../lib/http/response-heads.ts';

const NOON = Date.UTC(2026, 0, 31, 12, 0, 0, 0);

function setUp(keepAliveTimeoutMs = 65_000) {
  const clock = { now: NOON };
  return { clock, heads: new ResponseHeads({ keepAliveTimeoutMs, now: () => clock.now }) };
}

t.test('a head has status, headers, request id, length, and what Node adds', async (t) => {
  const { heads } = setUp();
  const headers = { 'content-type': 'text/plain', 'x-a': 'b' };
  t.equal(
    heads.text(200, headers, 'r1', 12),
    [
      ...['HTTP/1.1 200 OK', 'content-type: text/plain', 'x-a: b', 'x-request-id: r1'],
      ...['content-length: 12', 'Date: Sat, 31 Jan 2026 12:00:00 GMT', 'Connection: keep-alive'],
      ...['Keep-Alive: timeout=65', '', ''],
    ].join('\r\n'),
  );
  t.match(heads.text(503, {}, 'r1', 0), /^HTTP\/1\.1 503 Service Unavailable\r\nx-request-id: r1/);
  t.notMatch(setUp(0).heads.text(200, {}, 'r1', 0), /keep-alive: timeout/i);
});

t.test('the date changes with the second, in whichever direction', async (t) => {
  const { clock, heads } = setUp();
  const date = () => /Date: .* (\S+) GMT/.exec(heads.text(200, {}, 'r', 0) ?? '')?.[1];
  t.equal(date(), '12:00:00');
  clock.now = NOON + 999;
  t.equal(date(), '12:00:00');
  clock.now = NOON + 1000;
  t.equal(date(), '12:00:01');
  clock.now = NOON + 999;
  t.equal(date(), '12:00:00', 'a clock that was set back');
  clock.now = NOON + 3_600_000;
  t.equal(date(), '13:00:00');
});

t.test('headers that are frozen are looked at once, others each time', async (t) => {
  const { heads } = setUp();
  let asked = 0;
  const counted = () => ({
    get 'x-a'() {
      asked += 1;
      return 'b';
    },
  });
  const frozen = Object.freeze(counted());
  for (let i = 0; i < 3; i += 1) t.match(heads.text(200, frozen, `r${i}`, i), /\r\nx-a: b\r\n/);
  t.equal(asked, 1);
  const changing: Record<string, string> = { 'x-a': 'b' };
  heads.text(200, changing, 'r', 0);
  changing['x-a'] = 'c';
  t.match(heads.text(200, changing, 'r', 0), /x-a: c/);
});

t.test('what Node would act on, or refuse, is left to Node', async (t) => {
  const { heads } = setUp();
  const text = (status: number, headers: Record<string, string | readonly string[]>) =>
    heads.text(status, headers, 'r', 0);
  for (const status of [99, 100, 103, 204, 304, 299, 1000]) {
    t.equal(text(status, {}), undefined, String(status));
  }
  for (const name of ['connection', 'Date', 'content-length', 'transfer-encoding', 'upgrade']) {
    t.equal(text(200, { [name]: 'x' }), undefined, name);
  }
  for (const value of ['a\r\nb: c', 'a\nb', '\u0000', 'caf\u00e9', '\u20ac', ['a=1', 'b=2']]) {
    t.equal(text(200, Object.freeze({ 'x-a': value })), undefined, JSON.stringify(value));
    t.equal(text(200, { 'x-a': value }), undefined);
  }
  t.equal(text(200, { 'x a': 'b' }), undefined);
});
