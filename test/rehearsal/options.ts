import { resolve } from 'node:path';
import t from 'tap';
import {
  OptionsError,
  REHEARSAL_FLAGS,
  readOptions,
  rehearsalUsage,
  wantsHelp,
} from '../support/rehearsal/options.ts';
import { ROOT } from '../support/source-tree.ts';

const seed = () => 7;

t.test('without flags it is the whole story with this application and a drawn seed', async (t) => {
  t.strictSame(readOptions([], seed), {
    instances: 5,
    loadMs: 5_000,
    seed: 7,
    app: resolve(ROOT),
    node: process.execPath,
    verbose: false,
  });
  t.not(readOptions([]).seed, readOptions([]).seed, 'another one each time');
});

t.test('each flag is understood', async (t) => {
  const argv = ['--instances', '3', '--load', '60', '--seed', '0', '--app', 'x', '--verbose'];
  const options = readOptions([...argv, '--node', '/opt/node'], seed);
  t.match(options, { instances: 3, loadMs: 60_000, seed: 0, verbose: true });
  t.equal(options.app, resolve('x'));
  t.equal(options.node, '/opt/node');
});

t.test('all problems are told at once, with what was expected', async (t) => {
  const argv = ['--instances', '1', '--load', 'long', '--seed', '-1', '--speed', '9'];
  try {
    readOptions(argv, seed);
    t.fail('expected an error');
  } catch (error) {
    t.ok(error instanceof OptionsError);
    const { message } = error as OptionsError;
    t.match(message, /^--speed: unknown flag; the flags are --instances, /m);
    t.match(message, /^--instances: expected a number, 2 to 10, got "1"$/m);
    t.match(message, /^--load: expected a number, 1 to 600, got "long"$/m);
    t.match(message, /^--seed: expected /m);
  }
});

t.test('the help text names every flag, and wins over problems', async (t) => {
  t.ok(wantsHelp(['--speed', '--help']));
  t.notOk(wantsHelp(['--seed', '1']));
  for (const name of Object.keys(REHEARSAL_FLAGS)) t.match(rehearsalUsage(), `--${name}`);
});
