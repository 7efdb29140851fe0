import t from 'tap';
import {
  CLUSTER_FLAGS,
  clusterUsage,
  readOptions,
  wantsHelp,
} from '../../../lib/cluster/options.ts';

t.test('has a default for everything', async (t) => {
  const defaults = { nodes: 3, firstTcpPort: 4000, epmdPort: 4369, verbose: false };
  t.strictSame(readOptions([], {}), defaults);
  t.strictSame(readOptions([], { ERL_EPMD_PORT: '' }), defaults);
});

t.test('reads every flag, and the port of the port mapper', async (t) => {
  const argv = ['--nodes', '20', '--port=65516', '--verbose'];
  t.strictSame(readOptions(argv, { ERL_EPMD_PORT: '5000' }), {
    nodes: 20,
    firstTcpPort: 65_516,
    epmdPort: 5000,
    verbose: true,
  });
});

t.test('reports every problem at once', async (t) => {
  const problemsOf = (line: string, env = {}): readonly string[] => {
    try {
      readOptions(line.split(' '), env);
      return [];
    } catch (error) {
      return (error as { problems: readonly string[] }).problems;
    }
  };
  t.strictSame(problemsOf('--nodes 21 --port x --what', { ERL_EPMD_PORT: '0' }), [
    '--what: unknown flag; the flags are --nodes, --port, --verbose, --help',
    '--nodes: expected a number, 1 to 20, got "21"',
    '--port: expected a number, 1 to 65535, got "x"',
    'ERL_EPMD_PORT: expected a number, 1 to 65535, got "0"',
  ]);
  t.match(problemsOf('--nodes 0 --port 0'), [/^--nodes/, /^--port/]);
  t.match(problemsOf('--nodes 2 --port 65535'), [/the last of 2 ports .* got 65536/]);
  t.match(problemsOf('--port 4368'), [/port mapper, got 4369 among them/]);
});

t.test('the help text names every flag, and is asked for with --help', async (t) => {
  for (const flag of Object.keys(CLUSTER_FLAGS)) t.match(clusterUsage(), `--${flag}`);
  t.ok(wantsHelp(['--nodes', 'x', '--help']));
  t.notOk(wantsHelp([]));
});
