import t from 'tap';
import { nodes, nodesSchema } from '../../handlers/nodes.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

const request = () => new Request('http://localhost/nodes');

t.test('lists the current node first, then the connected ones', async (t) => {
  const node = { name: 'b@host', connectedNodes: () => ['a@host', 'c@host'] };
  const body: unknown = await toResponse(nodes(request(), fakeContext({ node }))).json();
  t.strictSame(body, {
    current_node: 'b@host',
    connected_nodes: ['a@host', 'c@host'],
    all_nodes: ['b@host', 'a@host', 'c@host'],
    total_nodes: 3,
  });
  t.strictSame(nodesSchema.parse(body), body);
});

t.test('counts a node that is alone as one', async (t) => {
  const node = { name: 'nonode@nohost', connectedNodes: () => [] };
  t.match(await toResponse(nodes(request(), fakeContext({ node }))).json(), {
    connected_nodes: [],
    all_nodes: ['nonode@nohost'],
    total_nodes: 1,
  });
});
