import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { httpProbe } from '../../../lib/cluster/probe.ts';

t.test('reads what a node answers, and nothing else', async (t) => {
  let body = '';
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  body = '{"total_nodes":2,"count":5}';
  t.equal(await httpProbe.nodes(url), 2);
  t.equal(await httpProbe.count(url), 5);
  for (body of ['{}', 'no json', '']) {
    t.equal(await httpProbe.nodes(url), undefined);
    t.equal(await httpProbe.count(url), undefined);
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  t.equal(await httpProbe.nodes(url), undefined);
});
