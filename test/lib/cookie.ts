import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { isCookie, isPlaceholderCookie, resolveCookie } from '../../lib/cookie.ts';

t.test('an explicit cookie touches no file', async (t) => {
  const file = join(t.testdir(), '.erlang.cookie');
  t.strictSame(resolveCookie({ explicit: 'abc', files: [file] }), {
    cookie: 'abc',
    source: 'explicit',
  });
  t.notOk(existsSync(file));
});

t.test('makes a cookie of twenty letters that only its owner reads, and keeps it', async (t) => {
  const dir = t.testdir();
  const file = join(dir, '.erlang.cookie');
  let next = 0;
  const made = resolveCookie({ files: [file], random: (limit) => next++ % limit });
  t.strictSame(made, { cookie: 'ABCDEFGHIJKLMNOPQRST', source: 'file' });
  t.equal(statSync(file).mode & 0o777, 0o400);
  t.equal(readFileSync(file, 'latin1'), made.cookie);
  t.strictSame(readdirSync(dir), ['.erlang.cookie'], 'no draft is left');
  t.strictSame(resolveCookie({ files: [file] }), made);
});

t.test('different users get different cookies', async (t) => {
  const dir = t.testdir();
  const one = resolveCookie({ files: [join(dir, 'a')] });
  const other = resolveCookie({ files: [join(dir, 'b')] });
  t.match(one.cookie, /^[A-Z]{20}$/);
  t.not(one.cookie, other.cookie);
});

t.test(
  'of two nodes that make the file at once, the second takes what the first wrote',
  async (t) => {
    const file = join(t.testdir(), '.erlang.cookie');
    let other: string | undefined;
    const late = resolveCookie({
      files: [file],
      random: () => {
        other ??= resolveCookie({ files: [file] }).cookie;
        return 0;
      },
    });
    t.equal(late.cookie, other);
  },
);

t.test('makes no home that is missing, as Erlang makes none', async (t) => {
  const home = join(t.testdir(), 'home');
  t.throws(() => resolveCookie({ files: [join(home, '.erlang.cookie')] }), {
    name: 'CookieError',
    code: 'unreadable',
    message: /cannot create the cookie file .*ENOENT.*give a cookie with --cookie/,
  });
  t.notOk(existsSync(home));
});

t.test('reads the file as Erlang does', async (t) => {
  const file = join(t.testdir(), '.erlang.cookie');
  for (const [text, cookie] of [
    ['ABC', 'ABC'],
    ['ABC\n', 'ABC'],
    ['A B C\r\n \n', 'A B C'],
    ['ABC  \n', 'ABC  '],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 });
    t.strictSame(resolveCookie({ files: [file] }), { cookie, source: 'file' });
  }
});

t.test('looks where Erlang looks, in its order', async (t) => {
  const dir = t.testdir();
  const files = [join(dir, 'first'), join(dir, 'second')] as const;
  writeFileSync(files[1], 'second', { mode: 0o400 });
  t.equal(resolveCookie({ files }).cookie, 'second');
  writeFileSync(files[0], 'first', { mode: 0o400 });
  t.equal(resolveCookie({ files }).cookie, 'first');
});

t.test('refuses a file that others may read, and says how to change that', async (t) => {
  const file = join(t.testdir({ '.erlang.cookie': 'TOPSECRET' }), '.erlang.cookie');
  for (const mode of [0o440, 0o404, 0o620, 0o601]) {
    chmodSync(file, mode);
    t.throws(() => resolveCookie({ files: [file] }), {
      name: 'CookieError',
      code: 'bad_permissions',
      message: new RegExp(`mode 0${mode.toString(8)}; run: chmod 400`),
    });
  }
});

t.test('refuses content that is no cookie, without showing it', async (t) => {
  const file = join(t.testdir(), '.erlang.cookie');
  for (const text of ['', '\n', 'SECRET\nSECRET', 'SECRET\t', 'SECRÉT', 'S'.repeat(256)]) {
    writeFileSync(file, text, { mode: 0o600, encoding: 'latin1' });
    try {
      resolveCookie({ files: [file] });
      t.fail('expected a refusal');
    } catch (error) {
      t.match(error, { name: 'CookieError', code: 'bad_content' });
      t.notMatch(String(error), /SECR|SSS/);
    }
  }
});

t.test('says why a file cannot be read or made', async (t) => {
  const dir = t.testdir();
  mkdirSync(join(dir, 'folder'), { mode: 0o700 });
  t.throws(() => resolveCookie({ files: [join(dir, 'folder')] }), { code: 'unreadable' });
  writeFileSync(join(dir, 'file'), '');
  t.throws(() => resolveCookie({ files: [join(dir, 'file', 'below')] }), { code: 'unreadable' });
});

t.test('isCookie wants printable Latin-1 of an atom length', async (t) => {
  for (const cookie of ['a', 'with space', 'é', '~'.repeat(255)]) t.ok(isCookie(cookie));
  for (const text of ['', 'a\n', 'a\u0000', '\u0080', 'ā', '~'.repeat(256)])
    t.notOk(isCookie(text));
});

t.test('isPlaceholderCookie knows the cookies that everybody knows', async (t) => {
  for (const cookie of [
    'change_this_to_a_secure_random_string',
    'secret',
    'Monster',
    'changeme',
    'cookie',
  ]) {
    t.ok(isPlaceholderCookie(cookie), cookie);
  }
  t.notOk(isPlaceholderCookie('5f0c7a1d2b'));
});

t.test('without a file to look in, a cookie has to be given', async (t) => {
  t.throws(() => resolveCookie({ files: [] }), { name: 'CookieError', message: /--cookie/ });
  t.match(resolveCookie({ explicit: 'abc', files: [] }), { cookie: 'abc' });
});
