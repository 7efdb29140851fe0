import t from 'tap';
import {
  CHECK_FLAGS,
  CheckUsageError,
  checkUsage,
  readCheckOptions,
  wantsCheckHelp,
} from '../../../lib/check/options.ts';

const read = (line: string) => readCheckOptions(line.split(' '));

function problemOf(...argv: string[]): string {
  try {
    readCheckOptions(argv);
    return '';
  } catch (error) {
    if (error instanceof CheckUsageError) return error.message;
    throw error;
  }
}

t.test('an address is enough', async (t) => {
  t.strictSame(read('https://example.org/'), {
    ...{ url: 'https://example.org', instances: 1, increments: 50, timeoutMs: 10_000 },
    shared: false,
  });
});

t.test('reads every flag', async (t) => {
  const line = 'http://h:1/app/ --instances 3 --increments 7 --timeout 2 --shared';
  t.strictSame(read(line), {
    ...{ url: 'http://h:1/app', instances: 3, increments: 7, timeoutMs: 2_000, shared: true },
  });
});

t.test(
  'credentials in the address are sent as basic authentication, and never shown',
  async (t) => {
    const { url, authorization } = read('https://op:s3cret%3A%C3%B6@h:1/app');
    t.equal(url, 'https://h:1/app');
    t.equal(authorization, `Basic ${Buffer.from('op:s3cret:ö').toString('base64')}`);
    t.equal(read('https://h').authorization, undefined);
    for (const bad of ['ftp://op:s3cret@h', 'https://op:s3cret@h?x', 'op:s3cret@h']) {
      t.match(problemOf(bad), /expected an address that begins with/);
      t.notMatch(problemOf(bad), /s3cret/);
    }
    t.match(problemOf('https://op:s3cret%ff@h'), /expected user and password .*, in UTF-8/);
    t.notMatch(problemOf('https://op:s3cret%ff@h'), /s3cret/);
  },
);

t.test('without an address it says what it expects, and where lint has gone', async (t) => {
  for (const argv of [[], ['--instances', '3']]) {
    t.match(problemOf(...argv), /expected the address .*npm run check -- https:/);
    t.match(problemOf(...argv), /lint, formatting and types .*npm run lint/);
  }
});

t.test('names every problem', async (t) => {
  const problem = problemOf('ftp://h', '--instances', '0', '--timeout', '1.5', '--what');
  t.match(problem, 'http:// or https://, got "ftp://h"');
  for (const part of ['--instances: expected', '--timeout: expected', '--what: unknown']) {
    t.match(problem, part);
  }
  for (const url of ['example.org', 'https://', 'https://h/?a', 'https://h/#b']) {
    t.match(problemOf(url), /expected an address that begins with/, url);
  }
  t.match(problemOf('http://h', '--increments', '10001'), '1 to 10000, got "10001"');
});

t.test('help wins over every problem, and names every flag', async (t) => {
  t.ok(wantsCheckHelp(['x', '--what', '--help']));
  t.notOk(wantsCheckHelp(['http://h']));
  for (const flag of Object.keys(CHECK_FLAGS)) t.match(checkUsage(), `--${flag}`);
});
