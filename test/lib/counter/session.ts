import t from 'tap';
import { dayOf, sessionDay, sessionId } from '../../../lib/counter/session.ts';

t.test('a session id tells its day, whatever the origin is called', async (t) => {
  for (const origin of ['a@127.0.0.1', 'a/b@h/1/x', '/']) {
    t.equal(sessionDay(sessionId(origin, 20_000, 'f00')), 20_000, origin);
  }
});

t.test('anything else is no session id', async (t) => {
  for (const text of ['', 'a', 'a/1', '/1/x', 'a//x', 'a/-1/x', 'a/1e3/x']) {
    t.equal(sessionDay(text), undefined, JSON.stringify(text));
  }
});

t.test('days are counted in UTC', async (t) => {
  t.equal(dayOf(0), 0);
  t.equal(dayOf(86_399_999), 0);
  t.equal(dayOf(86_400_000), 1);
});
