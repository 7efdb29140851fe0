import t from 'tap';
import { planNodes } from '../../../lib/cluster/plan.ts';

const OPTIONS = { nodes: 2, firstTcpPort: 5000, epmdPort: 4370, verbose: false };

t.test('numbers nodes and ports', async (t) => {
  t.match(planNodes(OPTIONS, 'c', {}), [
    { name: 'node1@127.0.0.1', tcpPort: 5000, url: 'http://127.0.0.1:5000' },
    { name: 'node2@127.0.0.1', tcpPort: 5001, url: 'http://127.0.0.1:5001' },
  ]);
});

t.test('gives each node its settings, and nothing of a node of the caller', async (t) => {
  const inherited = {
    PATH: '/bin',
    PORT: '80',
    HOST: '0.0.0.0',
    NODE_NAME: 'mine@h',
    NODE_ENV: 'production',
    CONNECT_NODES: 'a@h',
    ENABLE_DISTRIBUTION: 'false',
    ERLANG_COOKIE: 'mine',
    LOG_LEVEL: 'debug',
  };
  const [first] = planNodes(OPTIONS, 'c', inherited);
  t.strictSame(first?.env, {
    PATH: '/bin',
    ERLANG_COOKIE: 'c',
    ERL_EPMD_PORT: '4370',
    HOST: '127.0.0.1',
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'warn',
    NODE_NAME: 'node1@127.0.0.1',
    PORT: '5000',
    STOP_WITH_PARENT: 'true',
  });
  const verbose = { ...OPTIONS, verbose: true };
  t.equal(planNodes(verbose, 'c', inherited)[0]?.env.LOG_LEVEL, 'debug');
  t.equal(planNodes(verbose, 'c', { LOG_LEVEL: '' })[0]?.env.LOG_LEVEL, 'info');
  t.equal(planNodes(verbose, 'c', {}, true)[0]?.env.LOG_FORMAT, 'pretty');
  t.equal(planNodes(verbose, 'c', { LOG_FORMAT: 'json' }, true)[0]?.env.LOG_FORMAT, 'json');
});
