import t from 'tap';
import { parseCommandLine, usage } from '../../lib/command-line.ts';
import { checkSettings, mismatch, readSettings, SETTING_NAMES } from '../../lib/settings.ts';
import { textOf } from '../support/source-tree.ts';

function read(env: Record<string, string>, ...argv: string[]) {
  const problems: string[] = [];
  const given = readSettings(parseCommandLine(argv), env);
  return { given, settings: checkSettings(given, problems), problems };
}

t.test('knows what was given, and what it was written behind', async (t) => {
  t.strictSame(read({ PORT: '1', HOST: 'h', UNKNOWN: 'x' }, '--port', '2').given, {
    PORT: { text: '2', label: '--port' },
    HOST: { text: 'h', label: 'HOST' },
  });
  t.strictSame(read({ CONNECT_NODES: 'e@h' }, '--connect', 'a@h', '--connect', 'b@h').given, {
    CONNECT_NODES: { text: 'a@h,b@h', label: '--connect' },
  });
  t.strictSame(read({ PORT: '' }).given, {}, 'an empty variable is none');
});

t.test('understands every kind of text', async (t) => {
  const { settings, problems } = read({
    ...{ PORT: '0', ENABLE_DISTRIBUTION: 'False', CONNECT_NODES: ' a@h ,,b@h,a@h' },
    ...{ DIST_PORT_MIN: '1', ERL_DIST_PORT: '65535', NET_TICKTIME: '86400' },
    ...{ PHX_HOST: 'hello.example', LOG_LEVEL: 'warn' },
  });
  t.strictSame(problems, []);
  t.strictSame(settings, {
    ...{ PORT: 0, ENABLE_DISTRIBUTION: false, CONNECT_NODES: ['a@h', 'b@h'] },
    ...{ DIST_PORT_MIN: 1, ERL_DIST_PORT: 65535, NET_TICKTIME: 86400 },
    ...{ PHX_HOST: 'hello.example', LOG_LEVEL: 'warn' },
  });
});

t.test('one sentence for each that is not understood, which is left out', async (t) => {
  const env = { DIST_PORT_MIN: '0', DIST_PORT_MAX: 'x', ERL_DIST_PORT: '65536', PHX_HOST: 'a b' };
  const { settings, problems } = read(env);
  t.strictSame(settings, {});
  t.strictSame(problems, [
    'PHX_HOST: expected a host name, got "a b"',
    'DIST_PORT_MIN: expected a TCP port, 1 to 65535, got "0"',
    'DIST_PORT_MAX: expected a TCP port, 1 to 65535, got "x"',
    'ERL_DIST_PORT: expected a TCP port, 1 to 65535, got "65536"',
  ]);
});

t.test('secrets are never shown', async (t) => {
  for (const name of ['ERLANG_COOKIE', 'DASHBOARD_USER', 'DASHBOARD_PASSWORD'] as const) {
    t.notMatch(mismatch(name, { text: 'hush', label: name }), 'hush');
  }
});

t.test('the help text and the README name every setting', async (t) => {
  // What one process of ours tells another is nothing for people.
  const forPeople = SETTING_NAMES.filter((name) => name !== 'STOP_WITH_PARENT');
  for (const name of forPeople) {
    t.match(usage(), new RegExp(`\\b${name}\\b`));
    t.match(textOf('README.md'), `\`${name}\``);
  }
});
