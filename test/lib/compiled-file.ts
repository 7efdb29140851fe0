import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { CompiledFile } from '../../lib/compiled-file.ts';

interface Greeting {
  greet(name: string): string;
  readonly at: string;
  readonly folder: string;
}

const SOURCE = `(function (exports, require, module, importMetaUrl) {
  'use strict';
  const { basename } = require('node:path');
  function greet(name) { return 'hello, ' + name; }
  module.exports = { greet, at: importMetaUrl, folder: basename(__filenameOf(importMetaUrl)) };
  function __filenameOf(url) { return require('node:url').fileURLToPath(url); }
})`;

function testFile(t: Test, source = SOURCE): { readonly url: URL; readonly cache: string } {
  const path = join(t.testdir({ 'code.js': source }), 'code.js');
  return { url: pathToFileURL(path), cache: `${path}.cache` };
}

function open(url: URL): CompiledFile {
  const file = CompiledFile.open(url);
  if (file === undefined) throw new Error(`expected ${url.href}`);
  return file;
}

t.test('runs the code, which may require and knows where it lies', async (t) => {
  const { url } = testFile(t);
  const file = open(url);
  t.equal(file.cacheUsed, false);
  const { greet, at, folder } = file.run<Greeting>();
  t.equal(greet('you'), 'hello, you');
  t.equal(at, url.href);
  t.equal(folder, 'code.js');
});

t.test('what was compiled is used by the next one, and does the same', async (t) => {
  const { url } = testFile(t);
  const first = open(url);
  t.equal(first.run<Greeting>().greet('you'), 'hello, you');
  first.writeCache();
  const second = open(url);
  t.equal(second.cacheUsed, true);
  t.equal(second.run<Greeting>().greet('me'), 'hello, me');
});

t.test('what does not belong to the code is left unused', async (t) => {
  const { url, cache } = testFile(t);
  const first = open(url);
  first.run();
  first.writeCache();
  const compiled = readFileSync(cache);

  t.test('code that has changed, by however little', async (t) => {
    writeFileSync(url, SOURCE.replace('hello', 'adieu'));
    const changed = open(url);
    t.equal(changed.cacheUsed, false);
    t.equal(changed.run<Greeting>().greet('you'), 'adieu, you');
    writeFileSync(url, SOURCE);
  });

  t.test('a cache that is damaged, cut off or empty', async (t) => {
    const damaged = Buffer.from(compiled);
    const at = damaged.length - 9;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    for (const content of [damaged, compiled.subarray(0, -1), compiled.subarray(0, 20), '']) {
      writeFileSync(cache, content);
      const file = open(url);
      t.equal(file.cacheUsed, false);
      t.equal(file.run<Greeting>().greet('you'), 'hello, you');
    }
  });

  t.test('a cache that cannot be read', async (t) => {
    rmSync(cache);
    mkdirSync(cache);
    const file = open(url);
    t.equal(file.cacheUsed, false);
    t.equal(file.run<Greeting>().greet('you'), 'hello, you');
  });
});

t.test('a file that is not there is none', async (t) => {
  const { url, cache } = testFile(t);
  t.equal(CompiledFile.open(new URL('./other.js', url)), undefined);
  t.notOk(existsSync(cache), 'nothing is written unasked');
});

t.test('names itself in a stack', async (t) => {
  const { url } = testFile(t, '(function () {\n  throw new Error("boom");\n})');
  try {
    open(url).run();
    t.fail('it does not throw');
  } catch (error) {
    t.match((error as Error).stack, /code\.js:2:/);
  }
});
