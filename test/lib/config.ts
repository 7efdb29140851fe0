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
    logsToTerminal: false,
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

t.test('has a default for everything', async (t) => {
  t.strictSame(load(), {
    environment: 'development',
    logLevel: 'info',
    logFormat: 'json',
    stopWithParent: false,
    nodeName: 'nonode@nohost',
    http: { host: '127.0.0.1', tcpPort: 4000 },
    dashboard: undefined,
    dataDir: undefined,
    publicUrl: undefined,
    distribution: undefined,
    warnings: [],
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
    DIST_PORT_MIN: '9100',
    DIST_PORT_MAX: '9110',
    PHX_HOST: 'hello.example',
    PLATFORM_PROJECT_ENTROPY: 'x'.repeat(56),
    NET_TICKTIME: '5',
    DATA_DIR: '/var/lib/hello',
    DASHBOARD_USER: 'operator',
    DASHBOARD_PASSWORD: 'a long pass:phrase',
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'pretty',
    NODE_ENV: 'test',
    STOP_WITH_PARENT: '1',
    XDG_CONFIG_HOME: '/xdg',
  };
  t.strictSame(load({ env, files: { '/peers': '{}' } }), {
    environment: 'test',
    logLevel: 'debug',
    logFormat: 'pretty',
    stopWithParent: true,
    nodeName: 'node1@127.0.0.1',
    http: { host: '::1', tcpPort: 0 },
    dashboard: { user: 'operator', password: 'a long pass:phrase' },
    dataDir: '/var/lib/hello',
    publicUrl: 'https://hello.example',
    distribution: {
      cookie: 'abc',
      cookieFiles: undefined,
      epmdPort: 4370,
      netTickTimeMs: 5_000,
      connectNodes: ['a@h', 'b@h'],
      peersFile: { path: '/peers', hostname: 'app.0', expected: true },
      listenHost: '127.0.0.1',
      listenPorts: { min: 9100, max: 9110 },
      avoidPorts: [22, 80],
      commonPort: undefined,
    },
    warnings: [],
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
      LOG_FORMAT: 'xml',
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
    'LOG_FORMAT: expected json or pretty, got "xml"',
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

t.test('the public address is that of the host given, or of the platform', async (t) => {
  const routes = { 'https://main.example/': { primary: true, type: 'upstream' } };
  const PLATFORM_ROUTES = Buffer.from(JSON.stringify(routes)).toString('base64');
  t.match(load({ env: { PLATFORM_ROUTES } }), { publicUrl: 'https://main.example', warnings: [] });
  t.match(load({ env: { PLATFORM_ROUTES, PHX_HOST: 'own.example' } }), {
    publicUrl: 'https://own.example',
  });
  t.match(load({ env: { PLATFORM_ROUTES: '' } }), { publicUrl: undefined, warnings: [] });
  t.match(problemsOf({ env: { PHX_HOST: 'https://x' } }), [/^PHX_HOST: expected a host name/]);
});

t.test('routes that nobody can read are a warning, since the service works without', async (t) => {
  t.match(load({ env: { PLATFORM_ROUTES: '{}' } }), {
    publicUrl: undefined,
    warnings: [/^PLATFORM_ROUTES: expected base64 of a JSON object .* stays unknown$/],
  });
});

t.test('lines are for people on a terminal, and for programs else and in production', async (t) => {
  const format = (logsToTerminal: boolean, env: Record<string, string> = {}): string =>
    loadConfig({ argv: [], env, readFile: () => undefined, logsToTerminal }).logFormat;
  t.equal(format(true), 'pretty');
  t.equal(format(false), 'json');
  t.equal(format(true, { NODE_ENV: 'production' }), 'json');
  t.equal(format(false, { LOG_FORMAT: 'pretty', NODE_ENV: 'production' }), 'pretty');
  t.equal(format(true, { LOG_FORMAT: 'json' }), 'json');
});
