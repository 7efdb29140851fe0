import t from 'tap';
import { welcome } from '../../../lib/cluster/welcome.ts';

const ROWS = [
  { name: 'node1@127.0.0.1', url: 'http://127.0.0.1:9999', pid: 1 },
  { name: 'node2@127.0.0.1', url: 'http://127.0.0.1:10000', pid: undefined },
];

t.test('shows the nodes in columns, and what to try', async (t) => {
  const text = welcome(ROWS, { cookie: 'abc', epmdPort: 4369 });
  t.match(
    text,
    [
      '  node             url                     pid',
      '  node1@127.0.0.1  http://127.0.0.1:9999   1',
      '  node2@127.0.0.1  http://127.0.0.1:10000\n',
    ].join('\n'),
  );
  t.match(text, 'Watch: http://127.0.0.1:9999/dashboard\n');
  t.match(text, '  curl http://127.0.0.1:9999/nodes\n');
  t.match(text, '  curl http://127.0.0.1:10000/counter\n');
  t.match(text, '  erl -name erl@127.0.0.1 -setcookie abc\n');
  t.match(text, "net_adm:ping('node1@127.0.0.1').");
  t.match(text, 'GenServer.call({:global, HelloDistributed.DistributedCounter}, :increment)');
});

t.test('names the port mapper where it is not the usual one', async (t) => {
  const text = welcome(ROWS, { cookie: 'abc', epmdPort: 5000 });
  t.equal(text.match(/ERL_EPMD_PORT=5000 (erl|iex|npm)/g)?.length, 3);
});
