/** Whether `.upsun/config.yaml` is what the platform accepts, and says what it must. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { parse } from 'yaml';
import { memoryLimit } from '../support/rehearsal/platform-environment.ts';
import { ROOT, textOf } from '../support/source-tree.ts';
import { CONFIG_FILE, readUpsunConfig, withWorkers } from '../support/upsun.ts';

// The platform's schema uses keywords that are none, such as the hints for editors.
const validate = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(textOf('test/fixtures/upsun/config.schema.json')),
);

/** The least memory of a container that one instance was measured to fit, as README.md says. */
const LEAST_MB = 128;

/** What the schema objects to, one line each. */
function objections(text: string): string[] {
  validate(parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

t.test("the file is valid by the platform's schema", async (t) => {
  t.strictSame(objections(textOf(CONFIG_FILE)), []);
});

t.test('the example of a worker is valid when it is uncommented', async (t) => {
  t.strictSame(Object.keys(readUpsunConfig().workers), [], 'it is no part of the file');
  t.strictSame(objections(withWorkers()), []);
  const { workers, name } = readUpsunConfig(withWorkers());
  t.strictSame(Object.keys(workers), ['watcher']);
  t.equal(name, 'hello_distributed');
  for (const start of Object.values(workers)) {
    const [, program = ''] = /^exec node dist\/(\S+)\.js$/.exec(start) ?? [];
    t.ok(existsSync(join(ROOT, `${program}.ts`)), `${start} runs what there is`);
  }
});

t.test('the schema objects to what is wrong', async (t) => {
  const text = textOf(CONFIG_FILE);
  t.not(objections(text.replace("type: 'nodejs:24'", 'type: 24')).length, 0);
  t.not(objections(text.replace('passthru: true', 'passthrough: true')).length, 0);
  t.not(objections(text.replace('applications:', 'apps:')).length, 0);
  t.not(objections(withWorkers(text.replace('#     commands:', '#     orders:'))).length, 0);
});

t.test('the image is that of a release that is supported', async (t) => {
  t.equal(readUpsunConfig().type, 'nodejs:24');
});

t.test('the build is reproducible, and the start is node itself', async (t) => {
  const { build, start } = readUpsunConfig();
  t.match(build, /^set -eu\nnpm ci /);
  t.match(start, /^exec node dist\/lib\/main\.js$/);
});

t.test('requests come once the node is ready, in a container that it fits', async (t) => {
  const config = readUpsunConfig();
  t.match(config.postStart, /^curl -f\S* .*--retry-connrefused .*http:\/\/localhost\/ready$/m);
  t.ok(memoryLimit(config) >= LEAST_MB, 'in the smallest size of the profile');
});

t.test('no secret is in the file', async (t) => {
  t.strictSame(Object.keys(readUpsunConfig().env).sort(), ['NODE_ENV', 'NODE_NAME']);
});

t.test('every route leads to the application, and nothing is cached or held back', async (t) => {
  const config = parse(textOf(CONFIG_FILE));
  const { name, upstreams, env } = readUpsunConfig();
  t.strictSame(Object.keys(config.applications), [name]);
  t.strictSame(upstreams, [name]);
  t.equal(env.NODE_NAME, name);
  t.match(config.routes, { 'https://{default}/': { cache: { enabled: false } } });
  t.match(config.applications[name].web.locations, {
    '/': { passthru: true, allow: false, request_buffering: { enabled: false } },
  });
});

t.test('the comments name the application as the file does', async (t) => {
  const named = textOf(CONFIG_FILE).match(/upsun (?:resources:set --count|ssh --app) \S+/g) ?? [];
  t.equal(named.length, 2);
  for (const command of named) t.match(command, / hello_distributed(:3)?$/);
});
