import t from 'tap';
import { ConfigError, loadConfig, requestedInformation } from '../../lib/config.ts';

interface Situation {
  argv?: string;
  env?: Record<string, string>;
  files?: Record<string, string>;
}

function load({ argv = '', env = {}, files = {} }: Situation = {}) {
  return loadConfig({
    argv: argv.split(' ').filter((word) => word !== ''),
    env,
    readFile: (path) => files[path],
    hostname: () => 'app.0',
    homedir: () => '/home/user',
    networkInterfaces: () => ({}),
  });
}

function problemsOf(situation: Situation): readonly string[] {
  try {
    load(situation);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const PEERS = { '/run/peers.json': '{"app.0":"10.0.0.10","app.1":"10.0.0.11"}' };

t.test('has a default for everything', async (t) => {
  t.strictSame(load(), {
    environment: 'development',
    logLevel: 'info',
    stopWithParent: false,
    nodeName: 'nonode@nohost',
    http: { host: '127.0.0.1', tcpPort: 4000 },
    dashboard: undefined,
    dataDir: undefined,
    distribution: undefined,
  });
});

t.test('listens everywhere in production', async (t) => {
  t.strictSame(load({ env: { NODE_ENV: 'production' } }).http, { host: '0.0.0.0', tcpPort: 4000 });
});

t.test('reads every variable', async (t) => {
  const env = {
    PORT: '0',
    HOST: '::1',
    NODE_NAME: 'node1@127.0.0.1',
    ERLANG_COOKIE: 'abc',
    ENABLE_DISTRIBUTION: 'true',
    CONNECT_NODES: 'a@h, b@h,,a@h,node1@127.0.0.1',
    PEERS_FILE: '/peers',
    ERL_EPMD_PORT: '4370',
    NET_TICKTIME: '5',
    DATA_DIR: '/var/lib/hello',
    DASHBOARD_USER: 'operator',
    DASHBOARD_PASSWORD: 'a long pass:phrase',
    LOG_LEVEL: 'debug',
    NODE_ENV: 'test',
    STOP_WITH_PARENT: '1',
    XDG_CONFIG_HOME: '/xdg',
  };
  t.strictSame(load({ env, files: { '/peers': '{}' } }), {
    environment: 'test',
    logLevel: 'debug',
    stopWithParent: true,
    nodeName: 'node1@127.0.0.1',
    http: { host: '::1', tcpPort: 0 },
    dashboard: { user: 'operator', password: 'a long pass:phrase' },
    dataDir: '/var/lib/hello',
    distribution: {
      cookie: 'abc',
      cookieFiles: ['/home/user/.erlang.cookie', '/xdg/erlang/.erlang.cookie'],
      epmdPort: 4370,
      netTickTimeMs: 5_000,
      connectNodes: ['a@h', 'b@h'],
      peersFile: '/peers',
    },
  });
});

t.test('flags win over variables', async (t) => {
  const env = {
    PORT: 'nonsense',
    HOST: 'x',
    NODE_NAME: 'e@h',
    ERLANG_COOKIE: 'env',
    CONNECT_NODES: 'e1@h',
  };
  const config = load({
    env,
    argv: '--port 4001 --host localhost --name f@h --cookie flag --connect f1@h --connect f2@h',
  });
  t.match(config, {
    nodeName: 'f@h',
    http: { host: 'localhost', tcpPort: 4001 },
    distribution: { cookie: 'flag', connectNodes: ['f1@h', 'f2@h'] },
  });
});

t.test('an empty variable counts as none', async (t) => {
  t.strictSame(load({ env: { PORT: '', HOST: '', NODE_NAME: '', ERLANG_COOKIE: '' } }), load());
});

t.test('without a cookie says where Erlang keeps it', async (t) => {
  t.match(load({ argv: '--name a@h' }).distribution, {
    cookie: undefined,
    cookieFiles: ['/home/user/.erlang.cookie', '/home/user/.config/erlang/.erlang.cookie'],
    epmdPort: 4369,
    netTickTimeMs: 60_000,
    peersFile: undefined,
  });
});

t.test('ENABLE_DISTRIBUTION=false keeps the node alone, whatever else is set', async (t) => {
  const env = {
    ENABLE_DISTRIBUTION: 'False',
    NODE_NAME: 'no host',
    CONNECT_NODES: 'a@h',
    NODE_ENV: 'production',
  };
  for (const files of [{}, PEERS, { '/run/peers.json': 'broken' }]) {
    t.match(load({ env, files }), { nodeName: 'nonode@nohost', distribution: undefined });
  }
});

t.test('ENABLE_DISTRIBUTION=true and --connect need a name', async (t) => {
  t.match(problemsOf({ env: { ENABLE_DISTRIBUTION: '1' } }), [
    /^ENABLE_DISTRIBUTION: expected a node name .* or a peers file/,
  ]);
  t.match(problemsOf({ argv: '--connect a@h' }), [/^--connect: expected a node name/]);
});

t.test('a peers file is enough for a cluster', async (t) => {
  t.match(load({ files: PEERS }), {
    nodeName: 'hello_distributed@10.0.0.10',
    distribution: { peersFile: '/run/peers.json' },
  });
  t.match(load({ files: PEERS, env: { NODE_NAME: 'mine' } }), { nodeName: 'mine@10.0.0.10' });
  t.match(load({ files: PEERS, env: { NODE_NAME: 'mine@1.2.3.4' } }), { nodeName: 'mine@1.2.3.4' });
  t.match(load({ files: { '/p': '{}' }, env: { PEERS_FILE: '/p', NODE_NAME: 'm@h' } }), {
    nodeName: 'm@h',
  });
});

t.test('a peers file that cannot be used is a problem', async (t) => {
  t.match(
    problemsOf({ files: { '/run/peers.json': '[]' } })[0],
    /^the peers file .*expected a JSON/,
  );
  t.match(problemsOf({ files: { '/run/peers.json': '{}' } }), [/expected an IPv4 address/]);
});

t.test('a file that cannot be read is a problem, not a crash', async (t) => {
  const readFile = () => {
    throw new Error('EACCES: permission denied');
  };
  t.throws(() => loadConfig({ argv: ['--name', 'a@h'], env: {}, readFile }), {
    name: 'ConfigError',
    message: /the peers file .*EACCES/,
  });
});

t.test('a name needs a host where no peers file gives one', async (t) => {
  t.match(problemsOf({ argv: '--name node1' }), [
    /^--name: expected NAME@HOST.*node1@127\.0\.0\.1$/,
  ]);
  for (const name of ['@h', 'a@', 'a@b@c', 'a b@h', 'a.b@h', 'é@h', `a@${'h'.repeat(255)}`]) {
    t.match(problemsOf({ env: { NODE_NAME: name } }), [/^NODE_NAME: expected NAME@HOST/], name);
  }
  t.equal(load({ env: { NODE_NAME: 'a-B_1@host.example' } }).nodeName, 'a-B_1@host.example');
});

t.test('production refuses to go without a cookie of its own', async (t) => {
  const env = { NODE_ENV: 'production', NODE_NAME: 'a@h' };
  t.match(problemsOf({ env }), [/^--cookie or ERLANG_COOKIE: .*openssl rand -hex 32/]);
  for (const cookie of ['secret', 'change_this_to_a_secure_random_string']) {
    const problems = problemsOf({ env: { ...env, ERLANG_COOKIE: cookie } });
    t.match(problems, [/^ERLANG_COOKIE: .*placeholder; make one with: openssl rand -hex 32/]);
    t.notMatch(problems.join(), cookie === 'secret' ? /got secret/ : cookie);
  }
  t.match(load({ env: { ...env, ERLANG_COOKIE: '9f86d081' } }).distribution, {
    cookie: '9f86d081',
  });
  t.match(load({ env: { NODE_NAME: 'a@h', ERLANG_COOKIE: 'secret' } }).distribution, {
    cookie: 'secret',
  });
});

t.test('credentials are given both or not at all, and never shown', async (t) => {
  t.strictSame(problemsOf({ env: { DASHBOARD_USER: 'hush' } }), [
    'DASHBOARD_USER: expected DASHBOARD_PASSWORD beside it, since one opens nothing without the other',
  ]);
  t.strictSame(problemsOf({ env: { DASHBOARD_PASSWORD: 'hush', DASHBOARD_USER: '' } }), [
    'DASHBOARD_PASSWORD: expected DASHBOARD_USER beside it, since one opens nothing without the other',
  ]);
  t.strictSame(problemsOf({ env: { DASHBOARD_USER: 'hu:sh', DASHBOARD_PASSWORD: 'hu\nsh' } }), [
    'DASHBOARD_USER: expected 1 to 255 characters, no colon and no control character, got something else',
    'DASHBOARD_PASSWORD: expected 1 to 255 characters, no control character, got something else',
  ]);
});

t.test('lists every problem in one message, with what was expected and what came', async (t) => {
  const situation = {
    argv: '--port 65536 --nmae x@y --connect nohost',
    env: {
      HOST: 'not a host',
      NODE_NAME: 'bad name',
      ERLANG_COOKIE: 'hush\n',
      ENABLE_DISTRIBUTION: 'maybe',
      ERL_EPMD_PORT: '0',
      LOG_LEVEL: 'loud',
      NODE_ENV: 'prod',
    },
  };
  const problems = problemsOf(situation);
  for (const expected of [
    '--nmae: unknown flag',
    '--port: expected a TCP port, 0 to 65535, got "65536"',
    'HOST: expected an IP address or a host name, got "not a host"',
    'NODE_NAME: expected NAME@HOST, where NAME has only letters, digits, _ and -, got "bad name"',
    'ERLANG_COOKIE: expected 1 to 255 printable Latin-1 characters, got something else',
    'ENABLE_DISTRIBUTION: expected true or false, got "maybe"',
    '--connect: expected node names NAME@HOST, separated by commas, got "nohost"',
    'ERL_EPMD_PORT: expected a TCP port, 1 to 65535, got "0"',
    'LOG_LEVEL: expected debug, info, warn or error, got "loud"',
    'NODE_ENV: expected production, development or test, got "prod"',
  ]) {
    t.ok(
      problems.some((problem) => problem.startsWith(expected)),
      expected,
    );
  }
  t.throws(() => load(situation), { name: 'ConfigError', message: /has \d+ problems:\n {2}/ });
  t.notMatch(problems.join(), /hush/);
});

t.test('the tick time is whole seconds, of which a day is the most', async (t) => {
  const tickTime = (text: string) =>
    load({ env: { NODE_NAME: 'a@h', NET_TICKTIME: text } }).distribution?.netTickTimeMs;
  t.equal(tickTime('1'), 1_000);
  t.equal(tickTime('86400'), 86_400_000);
  for (const text of ['0', '-1', '1.5', '2s', '86401', '99999999999']) {
    t.match(
      problemsOf({ env: { NODE_NAME: 'a@h', NET_TICKTIME: text } }),
      [`NET_TICKTIME: expected whole seconds, 1 to 86400, got "${text}"`],
      text,
    );
  }
});

t.test('--help and --version win over every problem', async (t) => {
  t.equal(requestedInformation(['--bad', '--version', '--help']), 'help');
  t.equal(requestedInformation(['--port', 'x', '--version']), 'version');
  t.equal(requestedInformation([]), undefined);
});

t.test('a command may log less than others when nothing is said', async (t) => {
  const level = (env: Record<string, string>): string =>
    loadConfig({ argv: [], env, readFile: () => undefined, defaultLogLevel: 'warn' }).logLevel;
  t.equal(level({}), 'warn');
  t.equal(level({ LOG_LEVEL: '' }), 'warn');
  t.equal(level({ LOG_LEVEL: 'debug' }), 'debug');
});
