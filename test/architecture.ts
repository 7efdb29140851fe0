/**
 * Tests about the tree itself: who may import whom, and who may reach the world outside of the program.
 * A table here that names exceptions gives the reason with each of them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  codeOf,
  importsOf,
  linesMatching,
  ROOT,
  sourceFiles,
  textOf,
} from './support/source-tree.ts';

const SOURCES = sourceFiles('lib', 'handlers');
const TESTS = sourceFiles('test');

/**
 * Areas of the tree, each above those it may import. `index` is the only door into
 * `lib/distribution`; the codes in its `errors.ts` are everyone's, as types.
 */
const AREAS: readonly {
  readonly name: string;
  readonly at: string;
  readonly mayUse: readonly string[];
}[] = [
  { name: 'errors', at: 'lib/distribution/errors.ts', mayUse: [] },
  { name: 'clock', at: 'lib/clock.ts', mayUse: [] },
  { name: 'abort-listeners', at: 'lib/abort-listeners.ts', mayUse: [] },
  { name: 'telemetry', at: 'lib/telemetry/', mayUse: [] },
  { name: 'node-name', at: 'lib/node-name.ts', mayUse: [] },
  { name: 'version', at: 'lib/version.ts', mayUse: [] },
  { name: 'start-notice', at: 'lib/start-notice.ts', mayUse: [] },
  { name: 'stop-request', at: 'lib/stop-request.ts', mayUse: [] },
  { name: 'terminal', at: 'lib/terminal.ts', mayUse: [] },
  { name: 'flags', at: 'lib/flags.ts', mayUse: [] },
  { name: 'command-line', at: 'lib/command-line.ts', mayUse: ['flags'] },
  { name: 'cookie', at: 'lib/cookie.ts', mayUse: [] },
  { name: 'peers', at: 'lib/peers.ts', mayUse: ['node-name'] },
  { name: 'project-cookie', at: 'lib/project-cookie.ts', mayUse: [] },
  { name: 'platform-routes', at: 'lib/platform-routes.ts', mayUse: [] },
  { name: 'settings', at: 'lib/settings.ts', mayUse: ['command-line', 'cookie', 'node-name'] },
  {
    name: 'distribution-config',
    at: 'lib/distribution-config.ts',
    mayUse: ['settings', 'cookie', 'project-cookie', 'node-name', 'peers'],
  },
  {
    name: 'config',
    at: 'lib/config.ts',
    mayUse: [
      ...['command-line', 'settings', 'distribution-config', 'platform-routes'],
      ...['node-name', 'peers'],
    ],
  },

  { name: 'bytes', at: 'lib/distribution/bytes/', mayUse: ['errors'] },
  { name: 'terms', at: 'lib/distribution/terms/', mayUse: ['bytes', 'errors'] },
  { name: 'wire', at: 'lib/distribution/wire/', mayUse: ['terms', 'bytes', 'node-name', 'errors'] },
  { name: 'epmd', at: 'lib/distribution/epmd/', mayUse: ['bytes', 'errors', 'clock'] },
  {
    name: 'process',
    at: 'lib/distribution/process/',
    mayUse: ['terms', 'errors', 'clock', 'telemetry'],
  },
  {
    name: 'gen-server',
    at: 'lib/distribution/gen-server/',
    mayUse: ['process', 'terms', 'errors', 'abort-listeners', 'clock', 'telemetry'],
  },
  {
    name: 'node',
    at: 'lib/distribution/node/',
    mayUse: [
      ...['gen-server', 'process', 'wire', 'terms', 'bytes', 'epmd', 'node-name', 'errors'],
      ...['clock', 'telemetry'],
    ],
  },
  {
    name: 'kernel',
    at: 'lib/distribution/kernel/',
    mayUse: [
      ...['node', 'gen-server', 'process', 'terms', 'node-name', 'errors', 'clock', 'telemetry'],
    ],
  },
  {
    name: 'index',
    at: 'lib/distribution/',
    mayUse: ['kernel', 'node', 'gen-server', 'process', 'terms', 'epmd', 'errors'],
  },

  { name: 'supervisor', at: 'lib/supervisor/', mayUse: ['clock', 'telemetry'] },
  { name: 'http', at: 'lib/http/', mayUse: ['telemetry'] },
  { name: 'pubsub', at: 'lib/pubsub/', mayUse: ['index', 'abort-listeners', 'telemetry'] },
  { name: 'singleton', at: 'lib/singleton/', mayUse: ['index', 'clock', 'telemetry'] },
  { name: 'counter-parts', at: 'lib/counter/', mayUse: ['index', 'clock'] },
  {
    name: 'counter',
    at: 'lib/counter.ts',
    mayUse: ['counter-parts', 'singleton', 'supervisor', 'index', 'clock', 'telemetry'],
  },
  { name: 'measurements', at: 'lib/measurements.ts', mayUse: ['index', 'telemetry'] },
  {
    name: 'discovery',
    at: 'lib/discovery/',
    mayUse: ['index', 'config', 'supervisor', 'peers', 'node-name', 'clock', 'telemetry'],
  },
  { name: 'readiness', at: 'lib/readiness.ts', mayUse: ['index'] },
  { name: 'live', at: 'lib/live/', mayUse: ['index', 'pubsub', 'clock', 'telemetry'] },
  {
    name: 'request-trace',
    at: 'lib/request-trace.ts',
    mayUse: ['index', 'supervisor', 'telemetry'],
  },
  { name: 'dashboard', at: 'lib/dashboard/', mayUse: [] },
  { name: 'count-publisher', at: 'lib/count-publisher.ts', mayUse: ['counter-parts', 'clock'] },
  { name: 'handlers', at: 'handlers/', mayUse: ['http', 'errors'] },
  {
    name: 'application',
    at: 'lib/application.ts',
    mayUse: [
      ...['handlers', 'discovery', 'counter', 'measurements', 'pubsub', 'http', 'supervisor'],
      ...[
        'dashboard',
        'live',
        'readiness',
        'request-trace',
        'count-publisher',
        'clock',
        'version',
        'index',
        'config',
        'cookie',
        'telemetry',
      ],
    ],
  },
  {
    name: 'run',
    at: 'lib/run.ts',
    mayUse: [
      ...['application', 'index', 'supervisor', 'config', 'cookie', 'telemetry'],
      ...['start-notice', 'stop-request'],
    ],
  },
  {
    name: 'console',
    at: 'lib/console/',
    mayUse: [
      ...['run', 'application', 'counter', 'pubsub', 'index', 'config', 'command-line', 'version'],
      'terminal',
    ],
  },
  {
    name: 'cluster',
    at: 'lib/cluster/',
    mayUse: [
      ...['counter', 'index', 'config', 'cookie', 'flags', 'start-notice', 'stop-request'],
      ...['node-name', 'clock', 'terminal'],
    ],
  },
  { name: 'check', at: 'lib/check/', mayUse: ['flags'] },
  {
    name: 'watcher',
    at: 'lib/watcher/',
    mayUse: ['check', 'config', 'clock', 'stop-request', 'telemetry'],
  },
  { name: 'program', at: 'lib/program.ts', mayUse: ['run', 'config', 'version', 'terminal'] },
  { name: 'heap-limit', at: 'lib/heap-limit.ts', mayUse: [] },
  { name: 'restart', at: 'lib/restart.ts', mayUse: [] },
  { name: 'compiled-file', at: 'lib/compiled-file.ts', mayUse: [] },
  { name: 'precompile', at: 'lib/precompile.ts', mayUse: ['compiled-file', 'program'] },
  {
    name: 'main',
    at: 'lib/main.ts',
    mayUse: ['heap-limit', 'restart', 'compiled-file', 'program'],
  },
];

/** Whoever reads the command line or the environment; all others are given settings. */
const READERS_OF_SETTINGS: Readonly<Record<string, string>> = {
  'lib/config.ts': 'the settings of a node',
  'lib/main.ts': 'how much memory there is, before anything that could read it is loaded',
  'lib/precompile.ts': 'a step of the build, which runs the program with settings of its own',
  'lib/check/main.ts': 'a command of its own, which asks a deployment from outside',
  'lib/cluster/main.ts': 'a command of its own, whose nodes get their settings from it',
};

/** Whoever opens sockets or listens. `types only` imports of these modules are free to all. */
const USERS_OF_SOCKETS: Readonly<Record<string, string>> = {
  'lib/distribution/epmd/client.ts': 'asks the port mapper',
  'lib/distribution/epmd/server.ts': 'answers as port mapper',
  'lib/distribution/epmd/loopback.ts': 'opens none: `isIP` and `BlockList` are in that module',
  'lib/distribution/node/dial.ts': 'connects with peers',
  'lib/distribution/node/listener.ts': 'accepts peers',
  'lib/http/server.ts': 'serves HTTP',
  'lib/http/lean-messages.ts': 'opens none: its messages are given to the server',
  'lib/http/response-heads.ts': 'opens none: the status texts are in that module',
  'lib/http/raw-response.ts': 'opens none: the status texts are in that module',
};

/** Development tools that no file imports, and the proof that they are used. */
const TOOLS: Readonly<Record<string, string>> = {
  '@biomejs/biome': '"lint": "biome check',
  '@types/node': '"types": ["node"]',
  esbuild: '"bundle": "esbuild ',
  typescript: '"build": "tsc ',
  tsx: '--import=tsx',
};

/** Packages that nothing imports, since browsers run them: who serves their files. */
const SERVED: Readonly<Record<string, string>> = { uplot: 'lib/dashboard/assets.ts' };

/** Terms hold terms: this file names the classes of terms as types, and they name the union of it. */
const UNION_OF_TERMS = 'lib/distribution/terms/term.ts';

function areaOf(path: string): string | undefined {
  // The longest match, so that `lib/distribution/` stands for what is directly in it.
  const matches = AREAS.filter(({ at }) => (at.endsWith('/') ? path.startsWith(at) : path === at));
  return matches.sort((a, b) => b.at.length - a.at.length)[0]?.name;
}

t.test(
  'every source file belongs to an area, and areas stand above what they import',
  async (t) => {
    t.strictSame(
      SOURCES.filter((path) => areaOf(path) === undefined),
      [],
      'no file outside of all areas',
    );
    const seen = new Set<string>();
    for (const { name, mayUse } of AREAS) {
      t.strictSame(
        mayUse.filter((used) => !seen.has(used)),
        [],
        `${name} imports only from areas listed before it`,
      );
      seen.add(name);
    }
  },
);

t.test('imports follow the layers', async (t) => {
  const allowed = new Map(AREAS.map(({ name, mayUse }) => [name, mayUse]));
  const wrong = SOURCES.flatMap((path) => {
    const from = areaOf(path) ?? '';
    return importsOf(path)
      .filter(({ relative }) => relative)
      .filter(({ target, typeOnly }) => {
        const to = areaOf(target) ?? '';
        if (to === from || allowed.get(from)?.includes(to)) return false;
        return !(to === 'errors' && typeOnly);
      })
      .map(({ target }) => `${path} imports ${target}`);
  });
  t.strictSame(wrong, []);
});

t.test('outside of lib/distribution nothing passes by its index', async (t) => {
  const outside = SOURCES.filter((path) => !path.startsWith('lib/distribution/'));
  const wrong = outside.flatMap((path) =>
    importsOf(path)
      .filter(({ target }) => target.startsWith('lib/distribution/'))
      .filter(({ target }) => target !== 'lib/distribution/index.ts')
      .filter(({ target, typeOnly }) => !(target === 'lib/distribution/errors.ts' && typeOnly))
      .map(({ target }) => `${path} imports ${target}`),
  );
  t.strictSame(wrong, []);
});

t.test('handlers take nothing but types from lib', async (t) => {
  const wrong = sourceFiles('handlers').flatMap((path) =>
    importsOf(path)
      .filter(({ target, typeOnly }) => target.startsWith('lib/') && !typeOnly)
      .map(({ target }) => `${path} imports ${target}`),
  );
  t.strictSame(wrong, []);
});

t.test('no source imports a test, and no file imports what does not exist', async (t) => {
  t.strictSame(
    SOURCES.filter((path) => importsOf(path).some(({ target }) => target.startsWith('test/'))),
    [],
  );
  const dangling = [...SOURCES, ...TESTS].flatMap((path) =>
    importsOf(path)
      .filter(({ relative, target }) => relative && !existsSync(join(ROOT, target)))
      .map(({ target }) => `${path} imports ${target}`),
  );
  t.strictSame(dangling, []);
});

t.test('no file imports itself by way of others, types included', async (t) => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) circles.push([...trail.slice(at), path].join(' -> '));
    if (at >= 0 || done.has(path)) return;
    for (const { relative, target, typeOnly } of importsOf(path)) {
      if (relative && !(typeOnly && path === UNION_OF_TERMS)) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of [...SOURCES, ...TESTS]) visit(path, []);
  t.strictSame(circles, []);
});

t.test('layers bytes, terms and wire are pure: no clock, no timer, no randomness', async (t) => {
  const pure = SOURCES.filter((path) => ['bytes', 'terms', 'wire'].includes(areaOf(path) ?? ''));
  const impure =
    /\b(Date\.now|new Date|performance\.now|set(Timeout|Interval|Immediate)|Math\.random|random(Bytes|Int|UUID))\(/;
  t.strictSame(linesMatching(pure, impure, codeOf), []);
});

t.test('settings are read in one place for each command', async (t) => {
  const others = SOURCES.filter((path) => !Object.hasOwn(READERS_OF_SETTINGS, path));
  t.strictSame(linesMatching(others, /\bprocess\.(env|argv|execArgv)\b/, codeOf), []);
});

t.test('only the edges of the program touch sockets', async (t) => {
  const network = /^node:(net|tls|dgram|http|https|http2)$/;
  const users = SOURCES.filter((path) =>
    importsOf(path).some(({ target, typeOnly }) => network.test(target) && !typeOnly),
  );
  t.strictSame(users, Object.keys(USERS_OF_SOCKETS).sort());
});

t.test('every imported package is declared, and every declared one is used', async (t) => {
  const settings = JSON.parse(textOf('package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const packagesOf = (paths: readonly string[]): string[] => {
    const targets = paths.flatMap(importsOf).filter(({ relative }) => !relative);
    const names = targets.map(({ target }) => /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target);
    return [...new Set(names)].filter((name) => !name.startsWith('node:')).sort();
  };
  const atRunTime = Object.keys(settings.dependencies).sort();
  const needed = [...packagesOf(SOURCES), ...Object.keys(SERVED)].sort();
  t.strictSame(needed, atRunTime, 'what runs needs exactly the dependencies');
  for (const [name, server] of Object.entries(SERVED)) {
    t.ok(textOf(server).includes(`'${name}/`), `${server} serves ${name}`);
  }

  // These use the packages of `test/bench/package.json`.
  const competitors = (path: string): boolean => /^test\/bench\/(competitors|drawing)\//.test(path);
  const tests = TESTS.filter((path) => !competitors(path));
  const inTests = packagesOf(tests).filter((name) => !atRunTime.includes(name));
  const declared = Object.keys(settings.devDependencies);
  t.strictSame([...inTests, ...Object.keys(TOOLS)].sort(), declared.sort());
  const uses = textOf('package.json') + textOf('tsconfig.json');
  for (const [tool, use] of Object.entries(TOOLS)) t.ok(uses.includes(use), `${tool} is used`);
});
