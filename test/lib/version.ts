import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { packageVersion, versionText } from '../../lib/version.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

t.test('finds the version from the sources and from the build', async (t) => {
  t.equal(packageVersion(), version);
  t.equal(packageVersion(pathToFileURL(join(process.cwd(), 'dist/lib/version.js')).href), version);
  t.match(versionText(), `hello-distributed ${version} (Node.js v`);
});

t.test('fails away from its package', async (t) => {
  const dir = t.testdir({ a: { b: {} }, 'package.json': '{"name":"other","version":"1.0.0"}' });
  t.throws(() => packageVersion(pathToFileURL(join(dir, 'a/b.js')).href), /found none/);
});
