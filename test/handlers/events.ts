import t from 'tap';
import { events } from '../../handlers/events.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

/** A spectator's place that says where it begins. */
function live() {
  const asked: (string | undefined)[] = [];
  async function* body(): AsyncGenerator<Uint8Array, undefined> {
    yield new TextEncoder().encode('retry: 1000\n\n');
    return undefined;
  }
  const open = (lastEventId: string | undefined) => {
    asked.push(lastEventId);
    return body();
  };
  return { asked, view: { open } };
}

const request = (url = 'http://localhost/events') => new Request(url);

t.test('answers with a stream of events that nobody keeps', async (t) => {
  const { view, asked } = live();
  const answer = events(request(), fakeContext({ live: view }));
  t.equal(answer.endless, true);
  const response = toResponse(answer);
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  t.equal(response.headers.get('cache-control'), 'no-store');
  t.equal(response.headers.get('x-accel-buffering'), 'no');
  t.equal(await response.text(), 'retry: 1000\n\n');
  t.strictSame(asked, [undefined]);
});

t.test('resumes after the event that the header names, or the address', async (t) => {
  const { view, asked } = live();
  const header = (name: string) => (name === 'last-event-id' ? 'a@h/1/7' : undefined);
  events(request(), fakeContext({ live: view, header }));
  events(request('http://localhost/events?lastEventId=a%40h%2F1%2F8'), fakeContext({ live: view }));
  events(
    request('http://localhost/events?lastEventId=a%40h%2F1%2F8'),
    fakeContext({ live: view, header }),
  );
  events(request('http://localhost/events?x=1'), fakeContext({ live: view }));
  t.strictSame(asked, ['a@h/1/7', 'a@h/1/8', 'a@h/1/7', undefined]);
});

t.test('too many spectators are told to come back', async (t) => {
  const response = toResponse(events(request(), fakeContext({ live: { open: () => undefined } })));
  t.equal(response.status, 503);
  t.equal(response.headers.get('retry-after'), '5');
  t.strictSame(await response.json(), { errors: { detail: 'Service Unavailable' } });
});
