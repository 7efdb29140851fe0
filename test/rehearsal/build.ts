import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BuildError, copySources, pathWith, runBuildHook } from '../support/rehearsal/build.ts';

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hello-distributed-build-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

t.test('sources are copied without what was installed or built', async (t) => {
  const [app, folder] = [temporaryFolder(t), join(temporaryFolder(t), 'app')];
  for (const name of ['lib', 'dist', 'node_modules', '.git', '.tap', '.upsun', 'lib/dist']) {
    mkdirSync(join(app, name), { recursive: true });
    writeFileSync(join(app, name, 'file'), name);
  }
  writeFileSync(join(app, 'npm.log'), '');
  writeFileSync(join(app, 'package.json'), '{}');
  copySources(app, folder);
  t.strictSame(readdirSync(folder).sort(), ['.upsun', 'lib', 'package.json']);
  t.strictSame(readdirSync(join(folder, 'lib')).sort(), ['dist', 'file'], 'only at the top');
});

t.test('the hook is one script, run in the folder with the given variables', async (t) => {
  const folder = temporaryFolder(t);
  let output = '';
  const hook = 'set -eu\npwd\necho "$GREETING" > result\ncat result >&2';
  await runBuildHook(hook, folder, { GREETING: 'hello' }, (text) => (output += text));
  t.match(output, `${folder}\n`);
  t.match(output, 'hello\n');
});

t.test('of the machine, npm gets its settings, and nobody anything else', async (t) => {
  const folder = temporaryFolder(t);
  let output = '';
  const machine = {
    ...{ PATH: process.env.PATH, npm_config_cache: '/cache', https_proxy: 'http://proxy:1' },
    ...{ SECRET: 'x', npm_config_local_prefix: '/elsewhere', npm_lifecycle_event: 'rehearsal' },
  };
  await runBuildHook('env', folder, {}, (text) => (output += text), machine);
  t.match(output, /^npm_config_cache=\/cache$/m);
  t.match(output, /^https_proxy=/m);
  t.notMatch(output, /^(SECRET|npm_config_local_prefix|npm_lifecycle_event)=/m);
});

t.test('a hook that fails is told with all that it wrote', async (t) => {
  const failing = runBuildHook('echo before; echo trouble >&2; exit 3', temporaryFolder(t), {});
  await t.rejects(failing, BuildError);
  await t.rejects(failing, { message: /ended with 3:\nbefore\ntrouble\n/ });
});

t.test('the given Node.js comes first on the path', async (t) => {
  t.equal(pathWith('/opt/24/bin/node', '/usr/bin:/bin'), '/opt/24/bin:/usr/bin:/bin');
  t.match(pathWith('/opt/24/bin/node', undefined), /^\/opt\/24\/bin:\//);
});

t.test('what npm puts on the path of a script is not on that of a build', async (t) => {
  const path = '/app/node_modules/.bin:/lib/npm/node-gyp-bin:/usr/bin';
  t.equal(pathWith('/opt/24/bin/node', path), '/opt/24/bin:/usr/bin');
});
