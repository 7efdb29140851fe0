import t from 'tap';
import { FLAGS, parseCommandLine, usage } from '../../lib/command-line.ts';

t.test('reads every flag, with a space or an equals sign', async (t) => {
  t.match(parseCommandLine(['--name', 'a@b', '--cookie=-x', '--port', '1', '--host', '::1']), {
    values: { name: 'a@b', cookie: '-x', port: '1', host: '::1' },
    connect: [],
    help: false,
    version: false,
    problems: [],
  });
});

t.test('collects --connect, and takes the last of other flags', async (t) => {
  const { connect, values } = parseCommandLine(
    '--connect a@h --port 1 --connect b@h --port 2'.split(' '),
  );
  t.strictSame(connect, ['a@h', 'b@h']);
  t.strictSame(values.port, '2');
});

t.test('knows switches', async (t) => {
  t.match(parseCommandLine(['--help']), { help: true, version: false });
  t.match(parseCommandLine(['--version']), { help: false, version: true });
});

t.test('reports each argument that it does not understand', async (t) => {
  const { problems } = parseCommandLine([
    '--prot',
    '5',
    '-p',
    '--help=yes',
    '--constructor=1',
    '--port',
    '--host',
    'h',
    '--name',
  ]);
  t.match(problems, [
    /^--prot: unknown flag; the flags are --name, --cookie/,
    /^-p: unknown flag/,
    /^--help: expected no value after it/,
    /^--constructor: unknown flag/,
    /^--port: expected N after it, got --host/,
    /^--name: expected NAME@HOST after it, got nothing/,
  ]);
  t.equal(
    problems.length,
    6,
    'what follows a flag that was not understood is no problem of its own',
  );
});

t.test('never shows a cookie', async (t) => {
  const { problems } = parseCommandLine(['--cookie', '--hush', '--coookie=hush', '--cookie']);
  t.ok(problems.length > 0);
  t.notMatch(problems.join(), /hush/);
});

t.test('usage names every flag and variable', async (t) => {
  for (const flag of Object.keys(FLAGS)) t.match(usage(), `--${flag}`);
  for (const variable of [
    'PORT',
    'HOST',
    'NODE_NAME',
    'ERLANG_COOKIE',
    'ENABLE_DISTRIBUTION',
    'CONNECT_NODES',
    'PEERS_FILE',
    'ERL_EPMD_PORT',
    'DIST_PORT_MIN',
    'DIST_PORT_MAX',
    'ERL_DIST_PORT',
    'PHX_HOST',
    'LIMITS_FILE',
    'DATA_DIR',
    'DASHBOARD_USER',
    'DASHBOARD_PASSWORD',
    'LOG_LEVEL',
    'LOG_FORMAT',
    'NODE_ENV',
    'STOP_WITH_PARENT',
  ]) {
    t.match(usage(), variable);
  }
});

t.test('usage speaks of the command that was run', async (t) => {
  const text = usage({
    run: 'npm run other',
    program: 'dist/other.js',
    summary: 'Does another thing.',
    notes: ['With a note.'],
    defaultLogLevel: 'warn',
  });
  t.match(text, /^Usage: npm run other -- \[flags\]\n {7}node dist\/other.js \[flags\]\n/);
  t.match(text, '\n\nDoes another thing.\n\nWith a note.\n\nFlags');
  t.match(text, '(default warn)');
  t.match(text, '  npm run other -- --name node1@127.0.0.1');
  t.notMatch(text, 'npm start');
});
