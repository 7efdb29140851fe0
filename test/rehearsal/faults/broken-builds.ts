/**
 * The rehearsal can fail: the same application passes as it is, and does not when something is wrong with it. What is
 * deployed is what the tests were built from, and the build hook copies that and spoils it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse, stringify } from 'yaml';
import { commandLinesWith, skipWithoutBoxes } from '../../support/rehearsal/traces.ts';
import { ROOT, textOf } from '../../support/source-tree.ts';
import { until } from '../../support/until.ts';
import { CONFIG_FILE } from '../../support/upsun.ts';

t.setTimeout(600_000);
const skip = await skipWithoutBoxes();
const MAIN = fileURLToPath(new URL('../../support/rehearsal/main.ts', import.meta.url));

/** A folder to deploy. @param spoil shell code that is run where the application was built */
function application(t: Test, spoil: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hello-distributed-app-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const config = parse(textOf(CONFIG_FILE));
  config.applications.hello_distributed.hooks.build = `
    set -eu
    cd '${ROOT}'
    cp -r dist lib handlers package.json "$PLATFORM_APP_DIR"
    cd "$PLATFORM_APP_DIR"
    ln -s '${join(ROOT, 'node_modules')}' node_modules
    ${spoil}`;
  mkdirSync(join(folder, '.upsun'));
  writeFileSync(join(folder, CONFIG_FILE), stringify(config));
  return folder;
}

/** Shell code that puts a text for another in a built file, which has to have it. */
function replace(file: string, text: string, other: string): string {
  const code = `
    const fs = require('node:fs');
    const [file, text, other] = process.argv.slice(1);
    const before = fs.readFileSync(file, 'utf8');
    if (!before.includes(text)) throw new Error(text + ' is not in ' + file);
    fs.writeFileSync(file, before.replace(text, () => other));`;
  const quoted = [code, file, text, other].map((part) => `'${part.replaceAll("'", "'\\''")}'`);
  return `node -e ${quoted.join(' ')}`;
}

function start(folder: string, ...flags: readonly string[]) {
  const args = ['--import=tsx', MAIN, '--app', folder, '--instances', '2', '--load', '1', ...flags];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { child, output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (run.output += text));
  }
  return run;
}

async function rehearse(folder: string): Promise<{ code: unknown; output: string }> {
  const run = start(folder, '--seed', '1');
  const [code] = await once(run.child, 'close');
  return { code, output: run.output };
}

/** The output without the logs of the instances, which follow the table. */
const told = (output: string): string => output.split('\n--- hello_distributed.')[0] ?? '';

t.test('as it is, it passes every step', { skip }, async (t) => {
  const { code, output } = await rehearse(application(t, ''));
  t.equal(code, 0, output);
  const steps = [...output.matchAll(/^(.+?) +ok +[\d.]+ s/gm)].map(([, step]) => step);
  t.strictSame(steps, [
    ...['build', '1 instance', 'scale to 2', 'load', 'rolling deployment', 'crash'],
    ...['scale to 1', 'stop'],
  ]);
  t.match(output, /everything was as promised/);
});

/** The built program: one file, in the spelling of the bundler. */
const PROGRAM = 'dist/lib/program.bundle.js';

const BROKEN: readonly {
  readonly what: string;
  readonly spoil: string;
  readonly fails: RegExp;
}[] = [
  {
    what: 'an instance that ends at its start',
    spoil: "echo 'process.exit(3)' > dist/lib/main.js",
    fails: /^1 instance +FAILED[\s\S]+ is not ready: it ended with 3 while it started/m,
  },
  {
    what: 'an increment that counts twice',
    spoil: replace(
      PROGRAM,
      'await context.counter.increment(',
      '(await context.counter.increment()) && await context.counter.increment(',
    ),
    fails: /^1 instance +FAILED[\s\S]+hello_distributed\.0 counts \d+, not \d+/m,
  },
  {
    what: 'a node that is missing in /nodes',
    spoil: replace(PROGRAM, 'all_nodes:[current,...connected]', 'all_nodes:[current]'),
    fails: /^scale to 2 +FAILED[\s\S]+hello_distributed\.\d does not see hello_distributed@/m,
  },
  {
    what: 'a 5xx now and then',
    spoil: replace(
      PROGRAM,
      'await context.counter.get(',
      "Math.random() < 0.1 ? await Promise.reject(new Error('spoilt')) : await context.counter.get(",
    ),
    fails: / +FAILED[\s\S]+clients were answered 500, \d+ times[\s\S]+ logged .+"status":500/,
  },
  {
    what: 'an instance that does not listen to SIGTERM',
    spoil: [
      replace(PROGRAM, 'STOP_SIGNALS=["SIGTERM",', 'STOP_SIGNALS=['),
      `sed -i "1i process.on('SIGTERM', () => {});" dist/lib/main.js`,
    ].join('\n'),
    fails: /^rolling deployment +FAILED[\s\S]+ended with SIGKILL, 15\.\d s after SIGTERM/m,
  },
  {
    what: 'a build hook that fails',
    spoil: 'echo no such thing >&2; exit 9',
    fails: /the build hook ended with 9:\n(.*\n)*no such thing/,
  },
];

for (const { what, spoil, fails } of BROKEN) {
  t.test(`${what} makes it fail`, { skip }, async (t) => {
    const { code, output } = await rehearse(application(t, spoil));
    t.equal(code, 1);
    t.match(told(output), fails);
    t.notMatch(output, 'everything was as promised');
  });
}

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  t.test(
    `nothing is left of a rehearsal that ${signal} ends, beside another one`,
    { skip },
    async (t) => {
      const [folder, other] = [application(t, ''), application(t, '')];
      const run = start(folder);
      const beside = start(other);
      const closed = once(run.child, 'close');
      const besideClosed = once(beside.child, 'close');
      await until(() => /is ready after/.test(run.output) || run.child.exitCode !== null, {
        timeoutMs: 60_000,
        what: () => `an instance\n${run.output}`,
      });
      const box = `hello-distributed-rehearsal-${run.child.pid}-`;
      t.not(commandLinesWith(box).length, 0);
      run.child.kill(signal);
      t.strictSame(await closed, signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL']);
      await until(() => commandLinesWith(box).length === 0, { what: 'the end of all' });
      t.strictSame(await besideClosed, [0, null], beside.output);
    },
  );
}
