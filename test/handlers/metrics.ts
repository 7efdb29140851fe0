import t from 'tap';
import { metrics } from '../../handlers/metrics.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

t.test(
  'gives the text of the metrics with their own media type, for no cache to keep',
  async (t) => {
    const context = fakeContext({
      metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
    });
    const response = toResponse(await metrics(new Request('http://localhost/metrics'), context));
    t.equal(response.status, 200);
    t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4');
    t.equal(response.headers.get('cache-control'), 'no-store');
    t.equal(await response.text(), 'up 1\n');
  },
);
