import t from 'tap';
import { parseCommandLine } from '../../lib/command-line.ts';
import { distributionConfig } from '../../lib/distribution-config.ts';
import { projectCookie } from '../../lib/project-cookie.ts';
import { checkSettings, readSettings } from '../../lib/settings.ts';

interface Situation {
  argv?: string;
  env?: Record<string, string>;
  files?: Record<string, string>;
  /** addresses of this machine beside loopback */
  addresses?: readonly string[];
  /** of the user; throws where there is none */
  homedir?: () => string;
}

/** What comes out, and what there is to say against it. */
function run(situation: Situation) {
  const { argv = '', env = {}, files = {}, addresses = [] } = situation;
  const { homedir = () => '/home/user' } = situation;
  const problems: string[] = [];
  const words = argv.split(' ').filter((word) => word !== '');
  const given = readSettings(parseCommandLine(words), env);
  const eth0 = addresses.map((address) => ({
    ...{ address, family: 'IPv4' as const, internal: false, netmask: '', mac: '', cidr: null },
  }));
  const readFile = (path: string): string | undefined => {
    if (files[path] === 'EACCES') throw new Error('EACCES: permission denied');
    return files[path];
  };
  const config = distributionConfig(
    checkSettings(given, problems),
    given,
    {
      ...{ env, readFile, hostname: () => 'app.0', homedir },
      networkInterfaces: () => ({ eth0 }),
    },
    problems,
  );
  return { config, problems };
}

function load(situation: Situation) {
  const { config, problems } = run(situation);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return config;
}

function problemsOf(situation: Situation): readonly string[] {
  return run(situation).problems;
}

const PEERS = { '/run/peers.json': '{"app.0":"10.0.0.10","app.1":"10.0.0.11"}' };

t.test('without a cookie says where Erlang keeps it', async (t) => {
  t.match(load({ argv: '--name a@h' })?.distribution, {
    cookie: undefined,
    cookieFiles: ['/home/user/.erlang.cookie', '/home/user/.config/erlang/.erlang.cookie'],
    epmdPort: 4369,
    netTickTimeMs: 60_000,
    listenPorts: undefined,
    commonPort: undefined,
  });
});

t.test('a user without a home directory needs a cookie of its own, and no more', async (t) => {
  const homedir = (): never => {
    throw new Error('uv_os_homedir returned ENOENT');
  };
  const argv = '--name a@h --cookie abc';
  t.match(load({ argv, homedir })?.distribution, { cookie: 'abc', cookieFiles: undefined });
  const env = { PLATFORM_PROJECT_ENTROPY: 'x'.repeat(56) };
  t.match(load({ argv: '--name a@h', env, homedir })?.distribution, { cookieFiles: undefined });
  t.strictSame(problemsOf({ argv: '--name a@h', homedir }), [
    '--cookie or ERLANG_COOKIE: expected a cookie, since this user has no home directory where one could be kept',
  ]);
});

t.test('ENABLE_DISTRIBUTION=false keeps the node alone, whatever else is set', async (t) => {
  const env = {
    ENABLE_DISTRIBUTION: 'False',
    NODE_NAME: 'no host',
    CONNECT_NODES: 'a@h',
    NODE_ENV: 'production',
  };
  for (const files of [{}, PEERS, { '/run/peers.json': 'broken' }]) {
    t.strictSame(run({ env, files }), { config: undefined, problems: [] });
  }
});

t.test('ENABLE_DISTRIBUTION=true and --connect say what is missing', async (t) => {
  const missing =
    'expected a node name beside it (--name NAME@HOST or NODE_NAME) or the peers file';
  t.strictSame(problemsOf({ env: { ENABLE_DISTRIBUTION: '1' } }), [
    `ENABLE_DISTRIBUTION: ${missing} /run/peers.json, got neither`,
  ]);
  t.strictSame(problemsOf({ argv: '--connect a@h' }), [
    `--connect: ${missing} /run/peers.json, got neither`,
  ]);
  t.strictSame(problemsOf({ env: { ENABLE_DISTRIBUTION: 'true', NODE_NAME: 'a@127.0.0.1' } }), []);
  t.strictSame(problemsOf({ env: { ENABLE_DISTRIBUTION: 'true' }, files: PEERS }), []);
});

t.test('without a name and a file there is no distribution', async (t) => {
  t.strictSame(run({}), { config: undefined, problems: [] });
});

t.test('a peers file is enough for a cluster', async (t) => {
  t.match(load({ files: PEERS }), {
    nodeName: 'hello_distributed@10.0.0.10',
    distribution: { peersFile: { path: '/run/peers.json', hostname: 'app.0', expected: true } },
  });
  t.match(load({ files: PEERS, env: { NODE_NAME: 'mine' } }), { nodeName: 'mine@10.0.0.10' });
  t.match(load({ files: PEERS, env: { NODE_NAME: 'mine@1.2.3.4' } }), { nodeName: 'mine@1.2.3.4' });
  t.match(load({ files: { '/p': '{}' }, env: { PEERS_FILE: '/p', NODE_NAME: 'm@h' } }), {
    nodeName: 'm@h',
    distribution: { peersFile: { path: '/p' } },
  });
});

t.test('a name without a host means the own address', async (t) => {
  const env = { NODE_NAME: 'mine' };
  t.match(load({ env, addresses: ['10.9.9.9'] }), { nodeName: 'mine@10.9.9.9' });
  const others = { '/run/peers.json': '{"app.1":"10.0.0.11","app.2":"10.0.0.12"}' };
  t.match(load({ env, files: others, addresses: ['172.17.0.1', '10.0.0.12'] }), {
    nodeName: 'mine@10.0.0.12',
  });
  t.match(problemsOf({ argv: '--name node1' }), [
    /^--name: expected an IPv4 address .* NAME@HOST, for example node1@127\.0\.0\.1$/,
  ]);
});

t.test('what is no name is a problem', async (t) => {
  for (const name of ['@h', 'a@', 'a@b@c', 'a b@h', 'a.b@h', 'é@h', `a@${'h'.repeat(255)}`]) {
    t.match(problemsOf({ env: { NODE_NAME: name } }), [/^NODE_NAME: expected NAME@HOST/], name);
  }
  t.equal(load({ env: { NODE_NAME: 'a-B_1@host.example' } })?.nodeName, 'a-B_1@host.example');
});

t.test('a peers file of no use at the start is read again later', async (t) => {
  for (const text of ['', '{"app.0":', '[]', 'EACCES']) {
    const files = { '/run/peers.json': text };
    t.match(load({ files, addresses: ['10.0.0.10'] }), {
      nodeName: 'hello_distributed@10.0.0.10',
      distribution: { peersFile: { path: '/run/peers.json', expected: true } },
    });
    t.match(problemsOf({ files }), [
      /expected an IPv4 address .*the peers file \/run\/peers\.json: /,
    ]);
  }
  t.match(problemsOf({ files: { '/run/peers.json': '{}' } }), [/expected an IPv4 address/]);
});

t.test('a peers file that is missing may come later', async (t) => {
  const watched = (situation: Situation) => load(situation)?.distribution.peersFile;
  t.match(watched({ env: { NODE_NAME: 'mine' }, addresses: ['10.9.9.9'] }), {
    path: '/run/peers.json',
    expected: false,
  });
  t.match(watched({ env: { PEERS_FILE: '/p' }, addresses: ['10.9.9.9'] }), {
    path: '/p',
    expected: true,
  });
  t.equal(watched({ argv: '--name a@127.0.0.1' }), undefined, 'nobody is told of a loopback name');
  t.match(watched({ argv: '--name a@127.0.0.1', env: { PEERS_FILE: '/p' } }), { path: '/p' });
});

t.test('production refuses to go without a cookie of its own', async (t) => {
  const env = { NODE_ENV: 'production', NODE_NAME: 'a@h' };
  t.match(problemsOf({ env }), [/^--cookie or ERLANG_COOKIE: .*openssl rand -hex 32/]);
  for (const cookie of ['secret', 'change_this_to_a_secure_random_string']) {
    const problems = problemsOf({ env: { ...env, ERLANG_COOKIE: cookie } });
    t.match(problems, [/^ERLANG_COOKIE: .*placeholder; make one with: openssl rand -hex 32/]);
    t.notMatch(problems.join(), cookie === 'secret' ? /got secret/ : cookie);
  }
  const cookieOf = (situation: Situation) => load(situation)?.distribution.cookie;
  t.equal(cookieOf({ env: { ...env, ERLANG_COOKIE: '9f86d081' } }), '9f86d081');
  t.equal(cookieOf({ env: { NODE_NAME: 'a@h', ERLANG_COOKIE: 'secret' } }), 'secret');
});

t.test("without a cookie the platform's project gives one", async (t) => {
  const PLATFORM_PROJECT_ENTROPY = 'e'.repeat(56);
  for (const NODE_ENV of ['production', 'development']) {
    const env = { NODE_NAME: 'a@h', NODE_ENV, PLATFORM_PROJECT_ENTROPY };
    const cookieOf = (more: Record<string, string>, argv = '') =>
      load({ env: { ...env, ...more }, argv })?.distribution.cookie;
    t.equal(cookieOf({}), projectCookie(PLATFORM_PROJECT_ENTROPY));
    t.equal(cookieOf({ ERLANG_COOKIE: '' }), projectCookie(PLATFORM_PROJECT_ENTROPY));
    t.equal(cookieOf({ ERLANG_COOKIE: '9f86d081' }), '9f86d081');
    t.equal(cookieOf({}, '--cookie 9f86d082'), '9f86d082');
    const short = problemsOf({ env: { ...env, PLATFORM_PROJECT_ENTROPY: 'hush' } });
    t.match(short, [/^PLATFORM_PROJECT_ENTROPY: expected at least 32 .*set ERLANG_COOKIE/]);
    t.notMatch(short.join(), 'hush');
  }
});

t.test('peers reach us on our own address, and on no other', async (t) => {
  const listensAt = (situation: Situation) => load(situation)?.distribution.listenHost;
  t.equal(listensAt({ files: PEERS, addresses: ['172.17.0.1', '10.0.0.10'] }), '10.0.0.10');
  t.equal(listensAt({ argv: '--name a@127.0.0.1' }), '127.0.0.1');
  t.equal(listensAt({ argv: '--name a@127.0.0.9' }), '127.0.0.9');
  t.equal(listensAt({ argv: '--name a@some.host' }), undefined, 'wherever that leads');
  t.equal(
    listensAt({ files: PEERS, addresses: ['172.17.0.1'] }),
    undefined,
    'an address that is translated on its way to us',
  );
});

t.test('the ports for peers are those given, and none that is somebody else’s', async (t) => {
  const portsOf = (env: Record<string, string>) =>
    load({ env: { NODE_NAME: 'a@h', ...env } })?.distribution;
  t.match(portsOf({}), { listenPorts: undefined, avoidPorts: [22, 80, 4000] });
  t.match(portsOf({ PORT: '8888' }), { avoidPorts: [22, 80, 8888] });
  t.strictSame(portsOf({ PORT: '0' })?.avoidPorts, [22, 80]);
  const range = { DIST_PORT_MIN: '9100', DIST_PORT_MAX: '9110' };
  t.match(portsOf(range), { listenPorts: { min: 9100, max: 9110 } });
  t.match(portsOf({ DIST_PORT_MIN: '9100' }), { listenPorts: { min: 9100, max: 9100 } });
  t.match(portsOf({ ERL_DIST_PORT: '9100' }), { listenPorts: undefined, commonPort: 9100 });
});

t.test('ports that cannot work are problems', async (t) => {
  const about = (env: Record<string, string>) =>
    problemsOf({ env: { NODE_NAME: 'a@h', PORT: '8888', ...env } });
  t.strictSame(about({ DIST_PORT_MAX: '9110' }), [
    'DIST_PORT_MAX: expected DIST_PORT_MIN beside it, where the range begins',
  ]);
  t.strictSame(about({ DIST_PORT_MIN: '9110', DIST_PORT_MAX: '9100' }), [
    'DIST_PORT_MAX: expected a port not below DIST_PORT_MIN, 9110, got 9100',
  ]);
  const none = 'DIST_PORT_MIN: expected a port in the range that is free for peers, got none';
  t.strictSame(about({ DIST_PORT_MIN: '8888' }), [none]);
  t.strictSame(about({ DIST_PORT_MIN: '4369' }), [none]);
  t.strictSame(about({ DIST_PORT_MIN: '8888', DIST_PORT_MAX: '8889' }), []);
  t.strictSame(about({ ERL_DIST_PORT: '9100', DIST_PORT_MIN: '9100' }), [
    'ERL_DIST_PORT: expected no DIST_PORT_MIN beside it: it is the port',
  ]);
  t.strictSame(about({ ERL_EPMD_PORT: '8888' }), [
    'ERL_EPMD_PORT: expected another port than that of the HTTP service, 8888',
  ]);
  t.strictSame(about({ ERL_EPMD_PORT: '8888', ERL_DIST_PORT: '9100' }), [], 'no port mapper');
  for (const port of ['22', '80', '8888']) {
    t.strictSame(about({ ERL_DIST_PORT: port }), [
      `ERL_DIST_PORT: expected another port than 22, 80, 8888, got ${port}`,
    ]);
  }
});
